//! Peer configurations: files with named placeholders.
//!
//! `@NAME@` is a value; the lines between `@each-host@` and `@end@` are repeated, with `@HOST@` the host's
//! name and `@SITE@` its first label.

/// Fills a template in.
pub(crate) fn fill(template: &str, values: &[(&str, String)], hosts: &[String]) -> String {
    let mut filled = String::new();
    let mut repeated: Option<String> = None;
    for line in template.lines() {
        match &mut repeated {
            None if line.contains("@each-host@") => repeated = Some(String::new()),
            Some(block) if line.contains("@end@") => {
                filled.extend(hosts.iter().map(|host| for_host(block, host)));
                repeated = None;
            }
            Some(block) => push_line(block, line),
            None => push_line(&mut filled, line),
        }
    }
    values.iter().fold(filled, |text, (name, value)| text.replace(&format!("@{name}@"), value))
}

fn push_line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn for_host(block: &str, host: &str) -> String {
    let site = host.split('.').next().unwrap_or(host);
    block.replace("@HOST@", host).replace("@SITE@", site)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_hosts() {
        let template = "port @PORT@\n# @each-host@\nhost @HOST@ of @SITE@ to @PORT@\n# @end@\nlast\n";
        let hosts = ["a.test".to_owned(), "b.test".to_owned()];
        let filled = fill(template, &[("PORT", "80".to_owned())], &hosts);
        assert_eq!(filled, "port 80\nhost a.test of a to 80\nhost b.test of b to 80\nlast\n");
    }
}
