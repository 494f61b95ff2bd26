//! The workspace's source files as names, imports and paths.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Crates by name, each with its folder; the shared ones from the lowest layer up.
pub(crate) const SHARED: [&str; 4] = ["base", "vendors", "ledger", "broker"];
pub(crate) const WORKERS: [&str; 5] = ["ingest", "resolver", "logger", "insights", "followups"];

pub(crate) fn folder(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    if SHARED.contains(&name) { root.join("shared").join(name) } else { root.join(name) }
}

/// A file of a crate; its key is the path of its module (empty for the crate itself).
pub(crate) type Module = Vec<String>;

#[derive(Debug, Default)]
pub(crate) struct File {
    /// Every path in the code, as written.
    pub(crate) paths: Vec<Vec<String>>,
    /// `pub use`: the local name and the path that it refers to.
    pub(crate) exports: Vec<(String, Vec<String>)>,
    /// Top-level `pub` items: no methods, no modules.
    pub(crate) items: Vec<String>,
    /// Every name in the code, with its number of uses.
    pub(crate) names: BTreeMap<String, usize>,
}

/// All files of a crate.
pub(crate) fn of(name: &str) -> BTreeMap<Module, File> {
    let mut files = BTreeMap::new();
    collect(&folder(name).join("src"), &mut Vec::new(), &mut files);
    assert!(!files.is_empty(), "{name} has no sources");
    files
}

fn collect(folder: &Path, module: &mut Module, files: &mut BTreeMap<Module, File>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if stem == "tests" {
            continue;
        }
        if path.is_dir() {
            module.push(stem);
            collect(&path, module, files);
            module.pop();
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            // A program beside a library is a crate of its own, which is that one file.
            let is_root = module.is_empty() && (stem == "lib" || stem == "main" && !folder.join("lib.rs").exists());
            let name: Module = if is_root { Vec::new() } else { module.iter().cloned().chain([stem]).collect() };
            files.insert(name, read(&fs::read_to_string(&path).unwrap()));
        }
    }
}

/// Parses sources into a [`File`]; public for the tests of this test.
pub(crate) fn read(text: &str) -> File {
    let mut file = File::default();
    scan(text.parse().unwrap(), true, &mut file);
    file
}

fn scan(stream: TokenStream, at_module_level: bool, file: &mut File) {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    let mut i = 0;
    while i < tokens.len() {
        match &tokens[i] {
            TokenTree::Punct(p) if p.as_char() == '#' => {
                let group = tokens[i + 1..].iter().take(2).position(|t| matches!(t, TokenTree::Group(_)));
                let Some(at) = group.map(|at| i + 1 + at) else {
                    i += 1;
                    continue;
                };
                i = at + 1;
                if tokens[at].to_string().replace(' ', "") == "[cfg(test)]" {
                    i = end_of_item(&tokens, i);
                }
            }
            TokenTree::Ident(ident) if *ident == "use" && at_module_level => {
                let end = (i..tokens.len()).find(|at| is(&tokens[*at], ';')).unwrap_or(tokens.len());
                let is_public = i > 0 && tokens[..i].iter().rev().take(2).any(|t| t.to_string() == "pub");
                for path in expand(&tokens[i + 1..end], &[]) {
                    import(path, is_public, file);
                }
                i = end;
            }
            TokenTree::Ident(ident) => {
                if *ident == "pub" && at_module_level {
                    file.items.extend(item(&tokens[i + 1..]));
                }
                let path = path_at(&tokens, i);
                i += 1 + 3 * (path.len() - 1);
                for name in &path {
                    *file.names.entry(name.clone()).or_default() += 1;
                }
                if path.len() > 1 {
                    file.paths.push(path);
                }
            }
            TokenTree::Group(group) => {
                let is_module = i >= 2 && tokens[i - 2].to_string() == "mod";
                scan(group.stream(), at_module_level && is_module, file);
                i += 1;
            }
            _ => i += 1,
        }
    }
}

fn import((name, path): (String, Vec<String>), is_public: bool, file: &mut File) {
    for name in &path {
        *file.names.entry(name.clone()).or_default() += usize::from(!is_public);
    }
    if is_public { file.exports.push((name, path)) } else { file.paths.push(path) }
}

fn is(token: &TokenTree, c: char) -> bool {
    matches!(token, TokenTree::Punct(p) if p.as_char() == c)
}

/// The path `a::b::c` that begins at `at`.
fn path_at(tokens: &[TokenTree], at: usize) -> Vec<String> {
    let mut path = vec![tokens[at].to_string()];
    let mut next = at + 1;
    while next + 2 < tokens.len() && is(&tokens[next], ':') && is(&tokens[next + 1], ':') {
        let TokenTree::Ident(ident) = &tokens[next + 2] else { break };
        path.push(ident.to_string());
        next += 3;
    }
    path
}

/// The name of the public item that follows `pub`; `None` for `pub(…)`, modules and imports.
fn item(after_pub: &[TokenTree]) -> Option<String> {
    let mut words = after_pub.iter().map(ToString::to_string).take(4);
    let keyword = words.find(|word| !["async", "unsafe"].contains(&word.as_str()))?;
    ["fn", "struct", "enum", "trait", "type", "const", "static"].contains(&keyword.as_str()).then(|| words.next())?
}

/// The position after the item that begins here: attributes, then everything up to its body or its semicolon.
fn end_of_item(tokens: &[TokenTree], begin: usize) -> usize {
    let ends = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        token => is(token, ';'),
    };
    (begin..tokens.len()).find(|at| ends(&tokens[*at])).map_or(tokens.len(), |at| at + 1)
}

/// The leaves of a tree of imports: the name that each is known by, and its path.
fn expand(tree: &[TokenTree], before: &[String]) -> Vec<(String, Vec<String>)> {
    let mut path = before.to_vec();
    let mut leaves = Vec::new();
    let mut alias = None;
    for (at, token) in tree.iter().enumerate() {
        match token {
            TokenTree::Group(group) => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                for part in inner.split(|token| is(token, ',')).filter(|part| !part.is_empty()) {
                    leaves.extend(expand(part, &path));
                }
                return leaves;
            }
            TokenTree::Ident(ident) if *ident == "as" => {
                alias = tree.get(at + 1).map(ToString::to_string);
                break;
            }
            TokenTree::Ident(ident) => path.push(ident.to_string()),
            _ => {}
        }
    }
    if path.last().is_some_and(|name| name == "self") && path.len() > 1 {
        path.pop();
    }
    let name = alias.or_else(|| path.last().cloned());
    leaves.extend(name.map(|name| (name, path)));
    leaves
}

#[test]
fn reads_imports_paths_and_items() {
    let file = read(
        r#"
        //! crate::not::this
        pub use inner::{Made, other as Another};
        use crate::{a::{self, B}, c};
        pub struct Shown;
        pub(crate) struct Hidden;
        pub async fn call() { super::x::y(); println!("crate::nor::this", b::z()); }
        impl Shown { pub fn method() {} }
        #[cfg(test)]
        mod tests { use crate::tested; }
        "#,
    );
    let paths: Vec<String> = file.paths.iter().map(|path| path.join("::")).collect();
    assert_eq!(paths, ["crate::a", "crate::a::B", "crate::c", "super::x::y", "b::z"]);
    assert_eq!(file.exports[0], ("Made".into(), vec!["inner".into(), "Made".into()]));
    assert_eq!(file.exports[1].0, "Another");
    assert_eq!(file.items, ["Shown", "call"]);
    assert!(!file.names.contains_key("tested") && !file.names.contains_key("this"), "{:?}", file.names);
}
