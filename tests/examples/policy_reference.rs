//! Prints `docs/policy-reference.md`: `make policy-reference`.

fn main() {
    print!("{}", verimage_tests::policy_reference::Reference::read().page());
}
