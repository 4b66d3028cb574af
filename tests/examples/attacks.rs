//! Prints `docs/attacks.md`: `make attacks`.

fn main() {
    print!("{}", verimage_tests::attacks::Book::read().page());
}
