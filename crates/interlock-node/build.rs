//! Lets the library be loaded by a Node.js that is not there when it is linked.

fn main() {
    napi_build::setup();
}
