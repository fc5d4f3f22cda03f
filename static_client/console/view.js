// Descriptions of elements, and the page that follows them. What stays the same is left alone, so that what
// somebody types, has selected or focused outlives a refresh. Text is only ever text: nothing here takes HTML.

const WAS = Symbol("the description that an element shows");
/** Where a field begins; from there it belongs to whoever types. */
const BEGINS = new Set(["value", "checked", "selected"]);
const FIELDS = new Set(["input", "textarea", "option"]);

/** Describes an element. `key` tells siblings apart, `mount` hears of the new element, `own` keeps its children out of this. */
export function h(tag, props, ...children) {
  const shown = children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false && child !== "");
  return { tag, props: props ?? {}, children: shown };
}

/** Siblings of one signature may become each other. */
function signature(child) {
  if (typeof child !== "object") return "text";
  const { key, type, class: style } = child.props;
  return [child.tag, key, type, style?.split(" ", 1)].join("\n");
}

function setProps(node, tag, props, before) {
  for (const name of new Set([...Object.keys(before ?? {}), ...Object.keys(props)])) {
    const value = props[name];
    if (name === "key" || name === "mount" || name === "own" || (before && value === before[name])) continue;
    if (name.startsWith("on")) node[name] = value ?? null;
    else if (BEGINS.has(name) && FIELDS.has(tag)) { if (!before) node[name] = value ?? ""; }
    else if (value === undefined || value === null || value === false) node.removeAttribute(name);
    else node.setAttribute(name, value === true ? "" : value);
  }
}

function show(child, kept) {
  if (typeof child !== "object") {
    const node = kept ?? document.createTextNode("");
    if (node.nodeValue !== String(child)) node.nodeValue = child;
    return node;
  }
  const node = kept ?? document.createElement(child.tag);
  setProps(node, child.tag, child.props, kept?.[WAS].props);
  node[WAS] = child;
  if (!child.props.own) render(node, child.children);
  if (!kept && child.props.mount) mounted.push(() => child.props.mount(node));
  return node;
}

/** Makes the children of an element what is described. */
export function render(parent, children) {
  const left = new Map();
  for (const node of parent.childNodes) {
    const key = signature(node[WAS] ?? "");
    if (left.has(key)) left.get(key).push(node); else left.set(key, [node]);
  }
  const kept = children.map((child) => left.get(signature(child))?.shift());
  for (const node of [...left.values()].flat()) node.remove();
  let cursor = parent.firstChild;
  children.forEach((child, index) => {
    if (kept[index] && kept[index] === cursor) {
      cursor = cursor.nextSibling;
      show(child, kept[index]);
    } else {
      parent.insertBefore(show(child, kept[index]), cursor);
    }
  });
}

const roots = new Map();
/** What wants to hear that it is on the page now. */
const mounted = [];
let due = false;

/** From now on this element shows what `describe` says, an array of children. */
export function root(parent, describe) {
  roots.set(parent, describe);
  update();
}

/** Something has changed: the page follows with the next frame. */
export function update() {
  if (due) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    for (const [parent, describe] of roots) render(parent, [describe()].flat(Infinity).filter(Boolean));
    for (const hear of mounted.splice(0)) hear();
  });
}
