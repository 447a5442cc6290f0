//! Generated code: the range of a field, and what it expects in words.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::{Expr, ExprLit, Lit, LitFloat, UnOp};

use crate::attributes::{Lower, Upper};
use crate::field::KeyField;
use crate::shape::{Number, Shape};

/// What a field expects, an expression of type `String`; `None` where anything goes.
pub(crate) fn expected(field: &KeyField) -> Option<TokenStream> {
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

/// The range of a field, an expression of type `KeyRange`. Its bounds are checked when it is compiled.
pub(crate) fn range(field: &KeyField, number: &Number) -> TokenStream {
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

pub(crate) fn optional<T: ToTokens>(value: Option<&T>) -> TokenStream {
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
