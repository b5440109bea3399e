//! `weir release get -w` on a terminal: the release on the whole screen, once a second.

mod history;
mod screen;

use std::{
    sync::mpsc::{self, Receiver, Sender},
    thread,
    time::Duration,
};

use anyhow::Context as _;
use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use jiff::Timestamp;
use ratatui::DefaultTerminal;
use tokio::{runtime::Runtime, time::sleep};
use weir_model::ReleaseKey;

use super::desk::{Desk, Found};
use screen::Screen;

/// How often a release is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How soon a key is heard.
const KEY: Duration = Duration::from_millis(100);

/// What came of a look.
type Look = anyhow::Result<Option<Found>>;

/// Shows a release until somebody leaves.
///
/// # Errors
/// When the terminal cannot be used.
pub(super) fn run(runtime: Runtime, desk: Desk, found: Found) -> anyhow::Result<()> {
    // https://no-color.org: set and not empty.
    let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let (looks, looked) = mpsc::channel();
    let key = found.key();
    let look = move || runtime.block_on(look(&desk, &key, &looks));
    thread::Builder::new().name("release".into()).spawn(look).context("no thread")?;
    let mut screen = Screen::new(found, Timestamp::now(), colour);
    let mut terminal = ratatui::try_init().context("this terminal cannot be used; leave out -w")?;
    let shown = show(&mut terminal, &mut screen, &looked);
    ratatui::restore();
    shown
}

/// Looks until nobody wants to know.
async fn look(desk: &Desk, key: &ReleaseKey, looks: &Sender<Look>) {
    loop {
        sleep(LOOK).await;
        if looks.send(desk.look(key).await).is_err() {
            return;
        }
    }
}

fn show(terminal: &mut DefaultTerminal, screen: &mut Screen, looks: &Receiver<Look>) -> anyhow::Result<()> {
    loop {
        screen.at(Timestamp::now());
        terminal.draw(|frame| screen.draw(frame))?;
        if event::poll(KEY)? && is_end(&event::read()?) {
            return Ok(());
        }
        for look in looks.try_iter() {
            screen.take(look);
        }
    }
}

/// Whether somebody wants to leave. Everything else, such as another size, is drawn anew anyway.
fn is_end(event: &Event) -> bool {
    let Event::Key(KeyEvent { code, modifiers, kind: KeyEventKind::Press, .. }) = event else { return false };
    let control = modifiers.contains(KeyModifiers::CONTROL);
    match code {
        KeyCode::Char('c' | 'd') if control => true,
        KeyCode::Char('q') | KeyCode::Esc => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q_escape_and_control_c_leave() {
        let key = |code, modifiers| Event::Key(KeyEvent::new(code, modifiers));
        let none = KeyModifiers::NONE;
        assert!(is_end(&key(KeyCode::Char('q'), none)));
        assert!(is_end(&key(KeyCode::Esc, none)));
        assert!(is_end(&key(KeyCode::Char('c'), KeyModifiers::CONTROL)));
        assert!(!is_end(&key(KeyCode::Char('c'), none)));
        assert!(!is_end(&Event::Resize(80, 24)));
    }
}
