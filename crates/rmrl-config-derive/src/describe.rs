//! Generated code: the description of a field.

use proc_macro2::TokenStream;
use quote::quote;

use crate::field::KeyField;
use crate::range::expected;
use crate::shape::{Number, Shape};

/// Adds the descriptions of a field's keys to `keys`.
pub(crate) fn describe(field: &KeyField) -> TokenStream {
    let path = field.path();
    if let Shape::Section(ty) = field.shape.innermost() {
        let suffix = suffix(&field.shape);
        let section = field.name.as_ref().map(|_| section(field, &suffix));
        return quote! {
            #section
            <#ty as ::rmrl_core::ConfigKeys>::describe_keys(&(#path + #suffix), keys);
        };
    }
    let KeyField { meaning, .. } = field;
    let is_optional = matches!(field.shape, Shape::Optional(_));
    let kind = kind(field);
    let range = expected(field).map_or_else(
        || quote! { ::core::option::Option::None },
        |expected| quote! { ::core::option::Option::Some(#expected) },
    );
    quote! {
        keys.push(::rmrl_core::KeyDescription {
            path: #path,
            meaning: #meaning,
            kind: #kind,
            is_optional: #is_optional,
            range: #range,
        });
    }
}

/// Adds the description of a section, ahead of those of its keys.
fn section(field: &KeyField, suffix: &str) -> TokenStream {
    let (path, meaning) = (field.path(), &field.meaning);
    let is_optional = matches!(field.shape, Shape::Optional(_));
    quote! {
        keys.push(::rmrl_core::KeyDescription {
            path: #path + #suffix,
            meaning: #meaning,
            kind: ::std::string::String::from(::rmrl_core::KeyDescription::SECTION),
            is_optional: #is_optional,
            range: ::core::option::Option::None,
        });
    }
}

/// What follows the name of a section that there are several of.
fn suffix(shape: &Shape) -> String {
    match shape {
        Shape::Optional(inner) => suffix(inner),
        Shape::List(inner) | Shape::Array(inner, _) => format!("[]{}", suffix(inner)),
        _ => String::new(),
    }
}

/// The word for a field's values, an expression of type `String`.
fn kind(field: &KeyField) -> TokenStream {
    match &field.key.kind {
        Some(kind) => quote! { ::std::string::String::from(#kind) },
        None => kind_of(&field.shape, false),
    }
}

fn kind_of(shape: &Shape, is_plural: bool) -> TokenStream {
    let word = match shape {
        Shape::Optional(inner) => return kind_of(inner, is_plural),
        Shape::List(inner) => {
            let inner = kind_of(inner, true);
            return quote! { ::std::format!("list of {}", #inner) };
        }
        Shape::Array(inner, len) => {
            let inner = kind_of(inner, true);
            return quote! { ::std::format!("{} {}", #len, #inner) };
        }
        Shape::Number(Number { is_float: true, .. }) => "number",
        Shape::Number(_) => "whole number",
        Shape::Interval(Number { is_float: true, .. }) => "interval of numbers",
        Shape::Interval(_) => "interval of whole numbers",
        Shape::Section(_) => "section",
        Shape::Free(word) => word,
    };
    let plural = match word {
        "interval of numbers" => "intervals of numbers".to_string(),
        "interval of whole numbers" => "intervals of whole numbers".to_string(),
        "true or false" => word.to_string(),
        _ => format!("{word}s"),
    };
    let word = if is_plural { plural.as_str() } else { word };
    quote! { ::std::string::String::from(#word) }
}
