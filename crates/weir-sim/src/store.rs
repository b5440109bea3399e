//! Where the state is kept: as text, so that nothing outlives a crash that was not written.

use weir_release::state::State;

/// Where the state is kept.
#[derive(Clone, Debug, Default)]
pub struct Store {
    text: Option<String>,
    state: State,
    /// How often something was written.
    pub writes: u64,
}

// === impl Store ===

impl Store {
    /// Writes a state.
    ///
    /// # Panics
    /// When it cannot be read back as it was written: that would be the end of a release.
    pub fn put(&mut self, state: &State) {
        let text = serde_json::to_string(state).expect("a state can be written");
        let read: State = serde_json::from_str(&text).expect("a state can be read back");
        let again = serde_json::to_string(&read).expect("a state can be written again");
        assert_eq!(text, again, "what is read back is what was written");
        self.writes += 1;
        (self.text, self.state) = (Some(text), read);
    }

    /// What a successor begins with.
    pub fn load(&self) -> State {
        self.state.clone()
    }

    /// What is written.
    pub fn state(&self) -> &State {
        &self.state
    }
}
