//! ad hoc
use roost_store::*;
use std::time::*;
fn main() {
    let dir = std::path::PathBuf::from("/root/.cache/roost/iso");
    let _ = std::fs::remove_dir_all(&dir);
    let s = Store::open(&dir, Options::default()).unwrap();
    let p = s.programs().clone();
    let r = s.rooms().clone();
    let run = |label: &str, stop: &dyn Fn() -> bool| {
        let mut l = vec![];
        let mut seq = 0u64;
        while !stop() {
            seq += 1;
            let mut b = Batch::new();
            b.append_journal(&RoomKey::new("chess", label).unwrap(), seq, vec![1u8; 200]);
            let t = Instant::now();
            r.submit_and_wait(b).unwrap();
            l.push(t.elapsed());
        }
        l.sort();
        println!(
            "{label}: n {} p50 {:?} p99 {:?} max {:?}",
            l.len(),
            l[l.len() / 2],
            l[l.len() * 99 / 100],
            l[l.len() - 1]
        );
    };
    let t = Instant::now();
    run("alone", &|| t.elapsed() > Duration::from_secs(2));
    let done = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let d2 = done.clone();
    let h = std::thread::spawn(move || {
        for i in 0..5u8 {
            let mut bytes = vec![i; 20 << 20];
            let mut x = i as u64 + 1;
            for c in bytes.chunks_mut(8) {
                x = x.wrapping_mul(6364136223846793005).wrapping_add(1);
                let y = x.to_be_bytes();
                let n = c.len();
                c.copy_from_slice(&y[..n]);
            }
            let mut b = ProgramBatch::new();
            let h = program_hash(&bytes);
            b.put_program(h, bytes).unwrap();
            let t = Instant::now();
            p.submit_and_wait(b).unwrap();
            println!("upload 20 MiB {:?}", t.elapsed());
        }
        d2.store(true, std::sync::atomic::Ordering::SeqCst);
    });
    run("with uploads", &|| {
        done.load(std::sync::atomic::Ordering::SeqCst)
    });
    h.join().unwrap();
    s.close().unwrap();
    let _ = std::fs::remove_dir_all(&dir);
}
