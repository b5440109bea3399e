//! Gives up root once the ports are bound.

use std::str::FromStr;

use anyhow::Context as _;
use nix::unistd::{Gid, Uid, setgid, setgroups, setuid};

/// Who to be afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct User {
    uid: u32,
    gid: u32,
}

// === impl User ===

impl User {
    /// Becomes this user, with all threads and for good. Who is not root stays who he is.
    ///
    /// # Errors
    /// When the system refuses, as without the capabilities SETUID and SETGID.
    pub(super) fn become_it(self) -> anyhow::Result<()> {
        if !Uid::effective().is_root() {
            return Ok(());
        }
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        setgroups(&[gid]).and_then(|()| setgid(gid)).and_then(|()| setuid(uid)).with_context(|| {
            format!("cannot become user {uid}:{gid}; it takes the capabilities SETUID and SETGID")
        })?;
        tracing::info!("no longer root, but user {uid}:{gid}");
        Ok(())
    }
}

impl FromStr for User {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let wrong = "write UID:GID with numbers above 0, such as 65532:65532";
        let (uid, gid) = text.split_once(':').ok_or(wrong)?;
        let number = |text: &str| text.parse().ok().filter(|number| *number > 0).ok_or(wrong);
        Ok(Self { uid: number(uid)?, gid: number(gid)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_numbers_and_not_root() {
        assert_eq!("65532:1".parse(), Ok(User { uid: 65532, gid: 1 }));
        for wrong in ["", "65532", "0:1", "1:0", "nobody:nogroup"] {
            assert!(wrong.parse::<User>().is_err(), "{wrong}");
        }
    }
}
