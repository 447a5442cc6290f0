//! The generated code.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Data, DeriveInput, Expr, ExprLit, Fields, Lit, LitFloat, UnOp};

use crate::attributes::{ConfigAttributes, Lower, Upper};
use crate::field::KeyField;
use crate::serde_names::rename_all;
use crate::shape::{Number, Shape};

/// Implements `rmrl_core::ConfigKeys` and `validate` for a struct.
pub(crate) fn config_keys(input: &DeriveInput) -> syn::Result<TokenStream> {
    let fields = fields_of(input)?;
    let config = ConfigAttributes::read(&input.attrs)?;
    let describes = fields.iter().map(describe);
    let checks = fields.iter().map(check);
    let rules = config.rules.map(|rules| {
        quote! { (#rules)(self, &::rmrl_core::Check::new(section))?; }
    });
    let (name, visibility) = (&input.ident, &input.vis);
    let (impls, types, bounds) = input.generics.split_for_impl();
    let validate = (!config.has_own_validate).then(|| {
        quote! {
            impl #impls #name #types #bounds {
                /// Checks every value, and the values against each other.
                ///
                /// # Errors
                /// The first invalid key.
                #visibility fn validate(&self) -> ::core::result::Result<(), ::rmrl_core::InvalidKey> {
                    ::rmrl_core::ConfigKeys::check_keys(self, "")
                }
            }
        }
    });
    Ok(quote! {
        #[automatically_derived]
        impl #impls ::rmrl_core::ConfigKeys for #name #types #bounds {
            fn describe_keys(
                section: &str,
                keys: &mut ::std::vec::Vec<::rmrl_core::KeyDescription>,
            ) {
                #(#describes)*
            }

            fn check_keys(
                &self,
                section: &str,
            ) -> ::core::result::Result<(), ::rmrl_core::InvalidKey> {
                #(#checks)*
                #rules
                ::core::result::Result::Ok(())
            }
        }

        #validate
    })
}

fn fields_of(input: &DeriveInput) -> syn::Result<Vec<KeyField>> {
    let named = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => Some(&fields.named),
            _ => None,
        },
        _ => None,
    };
    let message = "ConfigKeys is for structs with named fields";
    let named = named.ok_or_else(|| syn::Error::new_spanned(&input.ident, message))?;
    let rename = rename_all(&input.attrs)?;
    let fields = named.iter().map(|field| KeyField::read(field, rename));
    fields.filter_map(Result::transpose).collect()
}

/// The path of a field's key, an expression of type `String`.
fn path_of(field: &KeyField) -> TokenStream {
    match &field.name {
        Some(name) => quote! { ::rmrl_core::key_path(section, #name) },
        None => quote! { ::std::string::String::from(section) },
    }
}

fn describe(field: &KeyField) -> TokenStream {
    let path = path_of(field);
    if let Shape::Section(ty) = field.shape.innermost() {
        let suffix = suffix(&field.shape);
        return quote! {
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

/// What a field expects, an expression of type `String`; `None` where anything goes.
fn expected(field: &KeyField) -> Option<TokenStream> {
    let is_strict = field.key.is_strict;
    match field.shape.innermost() {
        Shape::Number(number) => {
            let range = range(field, number);
            Some(quote! { #range.expected() })
        }
        Shape::Interval(number) => {
            let range = range(field, number);
            Some(quote! { #range.expected_interval(#is_strict) })
        }
        _ => {
            let (text, why) = (field.key.expected.as_ref()?, optional(field.key.why.as_ref()));
            Some(quote! { ::rmrl_core::with_reason(#text, #why) })
        }
    }
}

fn check(field: &KeyField) -> TokenStream {
    let (ident, path) = (&field.ident, path_of(field));
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

/// The range of a field, an expression of type `KeyRange`. Its bounds are checked when it is compiled.
fn range(field: &KeyField, number: &Number) -> TokenStream {
    let (Some(lower), Some(upper)) = (&field.key.lower, &field.key.upper) else {
        return TokenStream::new();
    };
    let primitive = format_ident!("{}", number.primitive);
    let is_open = matches!(upper, Upper::Limit(_));
    let (lower_variant, least) = match lower {
        Lower::AtLeast(value) => (quote! { Included }, typed(value, number)),
        Lower::Above(value) => (quote! { Excluded }, typed(value, number)),
    };
    let (upper_variant, most) = match upper {
        Upper::AtMost(value) | Upper::Limit(value) => (quote! { Included }, typed(value, number)),
        Upper::Below(value) => (quote! { Excluded }, typed(value, number)),
    };
    let is_finite = number.is_float.then(|| {
        quote! {
            assert!(least.is_finite() && most.is_finite(), "the bounds of a key have to be finite");
        }
    });
    let (text, why) = (optional(field.key.expected.as_ref()), optional(field.key.why.as_ref()));
    quote! {
        ::rmrl_core::KeyRange::<#primitive> {
            lower: ::core::ops::Bound::#lower_variant(#least),
            upper: ::core::ops::Bound::#upper_variant(const {
                let (least, most): (#primitive, #primitive) = (#least, #most);
                #is_finite
                assert!(least <= most, "the lower bound of a key is above its upper bound");
                most
            }),
            is_open: #is_open,
            text: #text,
            why: #why,
        }
    }
}

fn optional<T: quote::ToTokens>(value: Option<&T>) -> TokenStream {
    match value {
        Some(value) => quote! { ::core::option::Option::Some(#value) },
        None => quote! { ::core::option::Option::None },
    }
}

/// A bound as its key's type: whole numbers in the bounds of a float become floats.
fn typed(bound: &Expr, number: &Number) -> Expr {
    if !number.is_float {
        return bound.clone();
    }
    let mut bound = bound.clone();
    match &mut bound {
        Expr::Lit(ExprLit { lit, .. }) => {
            if let Lit::Int(int) = lit
                && int.suffix().is_empty()
            {
                *lit = Lit::Float(LitFloat::new(&format!("{}.0", int.base10_digits()), int.span()));
            }
        }
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => {
            *unary.expr = typed(&unary.expr, number);
        }
        _ => {}
    }
    bound
}
