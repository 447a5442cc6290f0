//! `#[derive(ConfigKeys)]`: a configuration struct states the range of each key at the key's field.
//!
//! Use it through `rmrl_core`, whose `ConfigKeys` documents the attributes with examples. The generated code
//! calls `rmrl_core`; this crate only reads structs and writes code.
//!
//! - `attributes`: what `#[key(...)]` and `#[config(...)]` say
//! - `serde_names`: the names of keys in files, according to `#[serde(...)]`
//! - `meaning`: the first sentence of a doc comment
//! - `shape`: what a field's type is made of: options, lists, numbers, sections
//! - `field`: one key, with its attributes checked against its shape
//! - `expand`: the generated code as a whole; `describe` and `check`: its parts for each field; `range`: the range
//!   of a field

mod attributes;
mod check;
mod describe;
mod expand;
mod field;
mod meaning;
mod range;
mod serde_names;
mod shape;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Implements `rmrl_core::ConfigKeys` and a method `validate` for a struct with named fields.
///
/// `rmrl_core::ConfigKeys` documents the attributes.
#[proc_macro_derive(ConfigKeys, attributes(key, config))]
pub fn derive_config_keys(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::config_keys(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
