//! The rules of one host, compiled for lookup by path.

use std::{collections::HashMap, sync::Arc};

use weir_model::{Arm, Host, HostName, MatchPath, Rule};

use crate::{Request, predicate::first_failure, split::CompiledSplit};

/// A rule with what deciding needs beside it.
#[derive(Debug)]
pub struct CompiledRule<B> {
    /// The rule as translated.
    pub rule: Arc<Rule>,
    pub(crate) split: CompiledSplit<B>,
}

type RuleId = u32;

#[derive(Debug)]
pub(crate) struct HostTable<B> {
    pub(crate) name: HostName,
    pub(crate) rules: Box<[CompiledRule<B>]>,
    exact: HashMap<Box<[u8]>, Vec<RuleId>>,
    prefixes: Vec<PrefixNode>,
    /// By falling precedence.
    patterns: Vec<RuleId>,
}

/// A node of the tree of path segments.
#[derive(Debug, Default)]
struct PrefixNode {
    children: HashMap<Box<[u8]>, usize>,
    rules: Vec<RuleId>,
    parent: usize,
    /// Bytes of the path from the root to here, without a trailing `/`.
    length: usize,
}

/// Told about every rule that deciding looks at.
pub(crate) trait Watch<B> {
    /// The path matched, but a condition failed.
    fn condition_failed(&mut self, rule: &CompiledRule<B>, condition: &weir_model::Condition);
}

impl<B> Watch<B> for () {
    fn condition_failed(&mut self, _: &CompiledRule<B>, _: &weir_model::Condition) {}
}

// === impl CompiledRule ===

impl<B> CompiledRule<B> {
    /// What the table holds for an arm's backend.
    pub fn backing(&self, arm: weir_model::ArmIndex) -> &B {
        self.split.backing(arm)
    }

    /// What the table holds for each arm, base first.
    pub fn backings(&self) -> &[B] {
        self.split.backings()
    }
}

// === impl HostTable ===

impl<B> HostTable<B> {
    pub(crate) fn compile(host: &Host, resolve: &mut impl FnMut(&Rule, &Arm) -> B) -> Self {
        let compiled = |rule: &Arc<Rule>| CompiledRule {
            split: CompiledSplit::compile(rule, resolve),
            rule: Arc::clone(rule),
        };
        let mut table = Self {
            name: host.name.clone(),
            rules: host.rules.iter().map(compiled).collect(),
            exact: HashMap::new(),
            prefixes: vec![PrefixNode::default()],
            patterns: Vec::new(),
        };
        for (id, rule) in (0..).zip(&host.rules) {
            table.index(id, &rule.path);
        }
        let precedence = |id: &RuleId| std::cmp::Reverse(host.rules[*id as usize].precedence);
        table.patterns.sort_by_key(precedence);
        table
    }

    fn index(&mut self, id: RuleId, path: &MatchPath) {
        match path {
            MatchPath::Exact(path) => self.exact.entry(path.as_bytes().into()).or_default().push(id),
            MatchPath::Prefix(path) => {
                let node = self.insert_prefix(path.as_bytes());
                self.prefixes[node].rules.push(id);
            }
            MatchPath::Regex(_) => self.patterns.push(id),
        }
    }

    fn insert_prefix(&mut self, path: &[u8]) -> usize {
        let mut node = 0;
        for segment in segments(path) {
            node = match self.prefixes[node].children.get(segment) {
                Some(&child) => child,
                None => self.add_node(node, segment),
            };
        }
        node
    }

    fn add_node(&mut self, parent: usize, segment: &[u8]) -> usize {
        let child = self.prefixes.len();
        let length = self.prefixes[parent].length + 1 + segment.len();
        self.prefixes.push(PrefixNode { parent, length, ..PrefixNode::default() });
        self.prefixes[parent].children.insert(segment.into(), child);
        child
    }

    /// The rule for a request: an exact path first, then prefixes from the longest to the shortest with
    /// patterns among them by precedence.
    pub(crate) fn find(&self, request: &impl Request, watch: &mut impl Watch<B>) -> Option<&CompiledRule<B>> {
        let path = request.path();
        if let Some(rules) = self.exact.get(path)
            && let Some(rule) = self.first_holding(rules, request, watch)
        {
            return Some(rule);
        }
        let mut node = self.deepest(path);
        let mut patterns = self.patterns.iter().peekable();
        loop {
            let prefix = &self.prefixes[node];
            let before = |id: &&RuleId| self.rules[**id as usize].rule.precedence > prefix.length;
            while let Some(id) = patterns.next_if(before) {
                let rule = self.pattern_holding(*id, request, watch);
                if rule.is_some() {
                    return rule;
                }
            }
            if let Some(rule) = self.first_holding(&prefix.rules, request, watch) {
                return Some(rule);
            }
            if node == 0 {
                return patterns.find_map(|id| self.pattern_holding(*id, request, watch));
            }
            node = prefix.parent;
        }
    }

    fn deepest(&self, path: &[u8]) -> usize {
        let mut node = 0;
        for segment in segments(path) {
            match self.prefixes[node].children.get(segment) {
                Some(&child) => node = child,
                None => break,
            }
        }
        node
    }

    fn first_holding(
        &self,
        rules: &[RuleId],
        request: &impl Request,
        watch: &mut impl Watch<B>,
    ) -> Option<&CompiledRule<B>> {
        rules.iter().map(|id| &self.rules[*id as usize]).find(|rule| {
            let failed = first_failure(&rule.rule.conditions, request);
            if let Some(condition) = failed {
                watch.condition_failed(rule, condition);
            }
            failed.is_none()
        })
    }

    fn pattern_holding(
        &self,
        id: RuleId,
        request: &impl Request,
        watch: &mut impl Watch<B>,
    ) -> Option<&CompiledRule<B>> {
        match &self.rules[id as usize].rule.path {
            MatchPath::Regex(pattern) if pattern.is_match(request.path()) => {
                self.first_holding(&[id], request, watch)
            }
            _ => None,
        }
    }
}

/// The segments of a path that begins with `/` or is empty. A trailing `/` gives a last, empty segment,
/// which no prefix has.
fn segments(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.strip_prefix(b"/").into_iter().flat_map(|rest| rest.split(|&byte| byte == b'/'))
}
