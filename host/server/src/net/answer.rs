//! Whether HTTP answers get anywhere: a client that asks and never reads must not keep its place.
//!
//! An answer is under way from its request's head until hyper has asked for the last of its body. Every piece of either
//! body is progress, and pieces are short, so that progress means that the client takes what it gets. What hyper still
//! holds after the last piece is bounded by the time for the next request's head.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, sleep, sleep_until};

/// Bytes of a body that are handed on at a time.
const PIECE: usize = 16 * 1024;

/// The answers of one connection; there is one at a time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answers {
    /// When the one under way last got on.
    since: Arc<Mutex<Option<Instant>>>,
}

/// An answer under way, held by its bodies.
#[derive(Debug)]
pub(crate) struct Answer {
    answers: Answers,
}

impl Answers {
    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request has come.
    pub(crate) fn begin(&self) -> Arc<Answer> {
        *self.lock() = Some(Instant::now());
        let answers = self.clone();
        Arc::new(Answer { answers })
    }

    /// Waits until an answer has been under way for so long without getting on.
    pub(crate) async fn stuck(&self, patience: Duration) {
        loop {
            let since = *self.lock();
            match since {
                None => sleep(patience).await,
                Some(since) if since.elapsed() >= patience => return,
                Some(since) => sleep_until(since + patience).await,
            }
        }
    }
}

impl Answer {
    fn progress(&self) {
        *self.answers.lock() = Some(Instant::now());
    }

    /// A body of the request or of the answer, whose pieces are progress.
    pub(crate) fn watch<B>(self: &Arc<Self>, body: B) -> Body
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<axum::BoxError>,
    {
        if body.is_end_stream() {
            // Hyper asks nothing of an empty body.
            return Body::new(body);
        }
        Body::new(Watched {
            body,
            rest: Bytes::new(),
            answer: Arc::clone(self),
        })
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        *self.answers.lock() = None;
    }
}

/// A body in short pieces.
struct Watched<B> {
    body: B,
    /// Of a longer piece.
    rest: Bytes,
    answer: Arc<Answer>,
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for Watched<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if self.rest.is_empty() {
            let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
            match frame.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => self.rest = data,
                Some(Ok(Err(trailers))) => return Poll::Ready(Some(Ok(trailers))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        self.answer.progress();
        let length = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(length);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, body) = (self.rest.len() as u64, self.body.size_hint());
        let mut hint = SizeHint::new();
        hint.set_lower(body.lower().saturating_add(rest));
        if let Some(upper) = body.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_stuck_when_nobody_asks_for_more_of_it() {
        let (answers, patience) = (Answers::default(), Duration::from_secs(30));
        let (text, begun) = (vec![b'x'; 3 * PIECE + 1], Instant::now());
        let answer = answers.begin();
        let mut body = answer.watch(Body::from(text.clone()));
        drop(answer);
        let mut got = Vec::new();
        for _ in 0..3 {
            tokio::time::advance(patience / 2).await;
            let piece = body.frame().await.unwrap().unwrap().into_data().unwrap();
            got.extend_from_slice(&piece);
        }
        answers.stuck(patience).await;
        assert!(begun.elapsed() >= patience * 5 / 2);
        got.extend_from_slice(&body.collect().await.unwrap().to_bytes());
        assert_eq!(got, text);
        let stuck = tokio::time::timeout(patience * 10, answers.stuck(patience));
        stuck.await.unwrap_err();
    }
}
