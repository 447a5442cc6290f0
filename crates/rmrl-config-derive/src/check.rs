//! Generated code: the check of a field.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use crate::field::KeyField;
use crate::range::{expected, optional, range};
use crate::shape::{Number, Shape};

/// Checks a field of `self`, in a function that returns `Result<(), InvalidKey>`.
pub(crate) fn check(field: &KeyField) -> TokenStream {
    let (ident, path) = (&field.ident, field.path());
    let check = check_shape(field, &field.shape, 0);
    if check.is_empty() {
        return check;
    }
    quote! {
        {
            let key = #path;
            let value = &self.#ident;
            #check
        }
    }
}

/// Checks what `value` refers to, under the path `key`.
fn check_shape(field: &KeyField, shape: &Shape, depth: usize) -> TokenStream {
    match shape {
        Shape::Optional(inner) => {
            let inner = check_shape(field, inner, depth);
            if inner.is_empty() {
                return inner;
            }
            quote! { if let ::core::option::Option::Some(value) = value { #inner } }
        }
        Shape::List(inner) => {
            let length = check_length(field);
            let each = check_each(field, inner, depth);
            quote! { #length #each }
        }
        Shape::Array(inner, _) => check_each(field, inner, depth),
        Shape::Number(number) => {
            let value = plain(number, &quote! { *value });
            let range = range(field, number);
            let valid = check_valid(field, &value, "{}");
            quote! { #range.check(&key, #value)?; #valid }
        }
        Shape::Interval(number) => {
            let (least, most) =
                (plain(number, &quote! { value[0] }), plain(number, &quote! { value[1] }));
            let (range, is_strict) = (range(field, number), field.key.is_strict);
            quote! { #range.check_interval(&key, [#least, #most], #is_strict)?; }
        }
        Shape::Section(_) => quote! { ::rmrl_core::ConfigKeys::check_keys(value, &key)?; },
        Shape::Free(_) => check_valid(field, &quote! { value }, "{:?}"),
    }
}

fn check_each(field: &KeyField, inner: &Shape, depth: usize) -> TokenStream {
    let check = check_shape(field, inner, depth + 1);
    if check.is_empty() {
        return check;
    }
    let index = format_ident!("index_{depth}");
    quote! {
        for (#index, value) in value.iter().enumerate() {
            let key = ::std::format!("{key}[{}]", #index);
            #check
        }
    }
}

fn check_length(field: &KeyField) -> TokenStream {
    let [least, most] =
        [&field.key.min_len, &field.key.max_len].map(|length| optional(length.as_ref()));
    if field.key.min_len.is_none() && field.key.max_len.is_none() {
        return TokenStream::new();
    }
    quote! { ::rmrl_core::check_length(&key, value.len(), #least, #most)?; }
}

/// Checks a value by the field's own function; `format` is how an error shows the value.
fn check_valid(field: &KeyField, value: &TokenStream, format: &str) -> TokenStream {
    let Some(valid) = &field.key.valid else { return TokenStream::new() };
    let expected = expected(field);
    quote! {
        if !(#valid)(#value) {
            return ::core::result::Result::Err(::rmrl_core::InvalidKey {
                key,
                value: ::std::format!(#format, #value),
                expected: #expected,
            });
        }
    }
}

/// A number as the type of its bounds.
fn plain(number: &Number, value: &TokenStream) -> TokenStream {
    if number.is_non_zero {
        quote! { (#value).get() }
    } else {
        value.clone()
    }
}
