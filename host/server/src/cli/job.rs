//! `roost job`: what takes longer than an answer may, and how others of these commands wait for it.

use std::time::Duration;

use clap::{Args, Subcommand};
use roost_protocol::api::{Job, JobKind, JobList, JobState, Published};

use crate::cli::connect::{ServerArgs, Session, note, say};
use crate::cli::progress::{Progress, reached};
use crate::cli::published;
use crate::cli::shadow;
use crate::cli::table::{Listing, ago, count, now, or_dash, span};
use crate::client::{Address, Answer, Client, ClientError};

/// How often, and how long apart, a broken connection is tried anew.
const TRIES: u32 = 6;
const TRY_AGAIN: Duration = Duration::from_millis(500);

/// Uploads, activations, shadows and the like.
#[derive(Debug, Subcommand)]
pub enum JobCommand {
    /// List the last hundred jobs
    List(ListArgs),
    /// Follow a job until it ends
    Watch(WatchArgs),
}

/// What to list.
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    server: ServerArgs,
}

/// Which job.
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// Its id, as `roost job list` shows it
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    server: ServerArgs,
}

impl JobCommand {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List(args) => {
                let session = args.server.connect()?;
                session.show(&Address::of(&["jobs"]), listing).await
            }
            Self::Watch(args) => {
                let session = args.server.connect()?;
                let job = follow(&session, &args.id).await?;
                finish(&session, &job)
            }
        }
    }
}

fn listing(list: &JobList) -> String {
    let mut table = Listing::new(&[
        "id", "what", "module", "state", "stage", "begun", ">took", "trouble",
    ]);
    let now = now();
    for job in &list.jobs {
        let state = match job.state {
            JobState::Running => "running",
            JobState::Done => "done",
            JobState::Failed => "failed",
        };
        let version = job.version.map(|version| format!("@{version}"));
        let took = job
            .ended_at
            .map(|end| span(end.saturating_sub(job.started_at)));
        table.row(&[
            job.id.clone(),
            kind(job.kind).to_owned(),
            format!("{}{}", job.module, version.unwrap_or_default()),
            state.to_owned(),
            reached(job.stage).to_owned(),
            ago(now, job.started_at),
            or_dash(took),
            job.error
                .as_ref()
                .map(|error| error.code.clone())
                .unwrap_or_default(),
        ]);
    }
    table.render("no jobs so far")
}

fn kind(kind: JobKind) -> &'static str {
    match kind {
        JobKind::Upload => "upload",
        JobKind::Activate => "activate",
        JobKind::Rollback => "rollback",
        JobKind::Canary => "canary",
        JobKind::Shadow => "shadow",
    }
}

/// What a request that may take long has led to.
pub(crate) enum Started {
    /// It is done already.
    Done(Published),
    /// The id of the job that does it.
    Job(String),
}

/// Reads the answer to such a request.
pub(crate) fn started(answer: &Answer) -> Result<Started, ClientError> {
    if answer.status != 202 {
        return Ok(Started::Done(answer.read()?));
    }
    let body: serde_json::Value = answer.read().unwrap_or_default();
    let named = ["job", "id"].iter().find_map(|key| body.get(key)?.as_str());
    let address = answer.location.as_deref().or(named);
    // An address ends with the id.
    let id = address.and_then(|address| address.rsplit('/').next());
    match id.filter(|id| !id.is_empty()) {
        Some(id) => Ok(Started::Job(id.to_owned())),
        None => Err(answer.foreign("it accepts, and does not say which job does the rest")),
    }
}

/// Waits for such a request to end, and prints what came of it, or only the job's id without `wait`.
pub(crate) async fn conclude(session: &Session, answer: &Answer, wait: bool) -> anyhow::Result<()> {
    match started(answer)? {
        Started::Done(published) => Ok(session.done(
            &serde_json::to_value(&published)?,
            &published::summary(&published),
        )?),
        Started::Job(id) if wait => {
            let job = follow(session, &id).await?;
            finish(session, &job)
        }
        Started::Job(id) => Ok(session.done(
            &serde_json::json!({ "job": id }),
            &format!("accepted as job {id}; follow it with: roost job watch {id}"),
        )?),
    }
}

/// Shows a job as it goes on, until its end.
pub(crate) async fn follow(session: &Session, id: &str) -> anyhow::Result<Job> {
    let mut progress = Progress::new(session.shows);
    let job = to_the_end(&session.client, id, &mut progress).await;
    progress.done();
    if job.as_ref().is_err_and(ClientError::is_passing) {
        note(&format!("the job may go on: roost job watch {id}"));
    }
    Ok(job?)
}

async fn to_the_end(
    client: &Client,
    id: &str,
    progress: &mut Progress,
) -> Result<Job, ClientError> {
    let mut tries = 0;
    loop {
        let ended = match events(client, id, progress, &mut tries).await {
            Ok(None) => client
                .fetch(&Address::of(&["jobs", id]))
                .await
                .map(has_ended),
            ended => ended,
        };
        match ended {
            Ok(Some(job)) => return Ok(job),
            Err(error) if !error.is_passing() || tries >= TRIES => return Err(error),
            _ => {}
        }
        tries += 1;
        tokio::time::sleep(TRY_AGAIN * tries).await;
    }
}

fn has_ended(job: Job) -> Option<Job> {
    (job.state != JobState::Running).then_some(job)
}

/// Listens until the job or the stream ends.
async fn events(
    client: &Client,
    id: &str,
    progress: &mut Progress,
    tries: &mut u32,
) -> Result<Option<Job>, ClientError> {
    let path = Address::of(&["jobs", id, "events"]).to_string();
    let mut events = client.events(&path).await?;
    while let Some(event) = events.next_event().await? {
        if event.name != "job" {
            continue;
        }
        let job: Job = serde_json::from_str(&event.data)
            .map_err(|error| ClientError::foreign(client.server(), error))?;
        *tries = 0;
        progress.at(&job);
        if let Some(job) = has_ended(job) {
            return Ok(Some(job));
        }
    }
    Ok(None)
}

/// Prints what came of a job that has ended.
pub(crate) fn finish(session: &Session, job: &Job) -> anyhow::Result<()> {
    if session.json && job.state != JobState::Failed {
        let result = match (&job.result, job.kind) {
            (Some(result), kind) if kind != JobKind::Shadow => serde_json::to_string(result)?,
            _ => serde_json::to_string(job)?,
        };
        say(&result)?;
    }
    if job.state == JobState::Failed {
        let unknown =
            || roost_protocol::api::ErrorBody::new("failed", "the server does not say why").error;
        return Err(ClientError::refused(job.error.clone().unwrap_or_else(unknown)).into());
    }
    if !session.json {
        say(&outcome(job))?;
    }
    Ok(())
}

fn outcome(job: &Job) -> String {
    if let Some(report) = &job.shadow {
        return shadow::render(&job.module, job.version, report);
    }
    match &job.result {
        Some(published) => published::summary(published),
        None => format!(
            "{} of {}: done, {}",
            kind(job.kind),
            job.module,
            count(job.done, "room")
        ),
    }
}
