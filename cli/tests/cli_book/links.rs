//! Where links lead.

use std::path::Path;

use crate::markdown::Page;

/// The links of a page that lead nowhere. Addresses on the web are not asked.
pub(crate) fn wrong(page: &Page, repository: &Path) -> Vec<String> {
    let wrong = page.links.iter().filter(|(_, to)| !to.starts_with("https://"));
    wrong.filter_map(|(line, to)| check(page, to, repository).err().map(|reason| format!("{}:{line}: {to}: {reason}", page.name))).collect()
}

fn check(page: &Page, to: &str, repository: &Path) -> Result<(), String> {
    if to.contains("://") {
        return Err("it is neither https nor relative".to_owned());
    }
    let (path, anchor) = to.split_once('#').map_or((to, None), |(path, anchor)| (path, Some(anchor)));
    let folder = Path::new(&page.name).parent().unwrap();
    let in_book = folder == Path::new("docs");
    if in_book && path.contains("..") {
        return Err("it leaves the book, in which it would lead nowhere".to_owned());
    }
    let target = if path.is_empty() { page.name.clone() } else { folder.join(path).display().to_string() };
    if !repository.join(&target).exists() {
        return Err("there is no such file".to_owned());
    }
    match anchor {
        Some(anchor) if !Page::read(repository, &target).anchors.iter().any(|known| known == anchor) => {
            Err(format!("{target} has no such heading"))
        }
        _ => Ok(()),
    }
}
