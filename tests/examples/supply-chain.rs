//! Prints `docs/supply-chain.md`: `make supply-chain`.

fn main() {
    print!("{}", verimage_tests::supply_chain::Record::read().page());
}
