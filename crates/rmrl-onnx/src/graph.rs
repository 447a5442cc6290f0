//! A graph in the making: values, constants and operators.

use crate::messages::{
    Attribute, AttributeKind, Dimension, ElementKind, GraphMessage, Node, Shape, TensorKind,
    TensorMessage, ValueInfo, ValueKind,
};

/// A value of a graph: an input, a constant, or the output of an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Value(usize);

/// One size of an input or output.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Size {
    Known(usize),
    /// Given by the caller of the model; the name is shown to people.
    Open(&'static str),
}

/// How an input or output is described.
pub(crate) struct Port<'a> {
    pub name: &'static str,
    pub element: ElementKind,
    pub shape: &'a [Size],
    pub doc: &'static str,
}

/// A graph in the making. Values are named by their number; inputs and outputs by their own names.
#[derive(Default)]
pub(crate) struct Graph {
    names: Vec<String>,
    nodes: Vec<(&'static str, Vec<Value>, Value, Vec<Attribute>)>,
    initializers: Vec<TensorMessage>,
    inputs: Vec<ValueInfo>,
    outputs: Vec<(ValueInfo, Value)>,
}

impl Graph {
    fn value(&mut self, name: Option<&str>) -> Value {
        let number = self.names.len();
        self.names.push(name.map_or_else(|| format!("v{number}"), str::to_string));
        Value(number)
    }

    /// An input that the caller gives.
    pub fn input(&mut self, port: &Port<'_>) -> Value {
        self.inputs.push(info(port));
        self.value(Some(port.name))
    }

    /// An input of 64-bit numbers that the caller may give; else it has these values.
    pub fn optional_input(&mut self, port: &Port<'_>, values: &[f64]) -> Value {
        let value = self.input(port);
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.initializer(value, ElementKind::F64, &[values.len()], bytes);
        value
    }

    /// Makes a value an output.
    pub fn output(&mut self, port: &Port<'_>, value: Value) {
        // A constant or an input keeps its name, so an output has a node of its own.
        let value = self.op("Identity", &[value]);
        self.names[value.0] = port.name.to_string();
        self.outputs.push((info(port), value));
    }

    fn initializer(
        &mut self,
        value: Value,
        element: ElementKind,
        shape: &[usize],
        raw_data: Vec<u8>,
    ) {
        let dims = shape.iter().map(|size| *size as i64).collect();
        let name = self.names[value.0].clone();
        let tensor = TensorMessage { dims, element: element.into(), name, raw_data };
        self.initializers.push(tensor);
    }

    fn constant(&mut self, element: ElementKind, shape: &[usize], bytes: Vec<u8>) -> Value {
        let value = self.value(None);
        self.initializer(value, element, shape, bytes);
        value
    }

    /// A constant of 64-bit floating-point numbers, row by row.
    pub fn f64s(&mut self, shape: &[usize], values: &[f64]) -> Value {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(ElementKind::F64, shape, bytes)
    }

    /// A constant of 32-bit floating-point numbers, row by row.
    pub fn f32s(&mut self, shape: &[usize], values: &[f32]) -> Value {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(ElementKind::F32, shape, bytes)
    }

    /// A list of integers.
    pub fn i64s(&mut self, values: &[i64]) -> Value {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(ElementKind::I64, &[values.len()], bytes)
    }

    /// A number without dimensions.
    pub fn f64(&mut self, value: f64) -> Value {
        self.f64s(&[], &[value])
    }

    /// An operator with one output.
    pub fn op(&mut self, operator: &'static str, inputs: &[Value]) -> Value {
        self.op_with(operator, inputs, Vec::new())
    }

    /// An operator with attributes.
    pub fn op_with(
        &mut self,
        operator: &'static str,
        inputs: &[Value],
        attributes: Vec<Attribute>,
    ) -> Value {
        let value = self.value(None);
        self.nodes.push((operator, inputs.to_vec(), value, attributes));
        value
    }

    /// An operator on a value and a number.
    pub fn op_f64(&mut self, operator: &'static str, value: Value, number: f64) -> Value {
        let number = self.f64(number);
        self.op(operator, &[value, number])
    }

    /// The same value as elements of another kind.
    pub fn cast(&mut self, value: Value, element: ElementKind) -> Value {
        self.op_with("Cast", &[value], vec![int("to", i64::from(i32::from(element)))])
    }

    /// The same elements in another shape; -1 stands for the size that is left.
    pub fn reshape(&mut self, value: Value, shape: &[i64]) -> Value {
        let shape = self.i64s(shape);
        self.op("Reshape", &[value, shape])
    }

    /// The elements of a list at `index`, without its dimension.
    pub fn element(&mut self, list: Value, index: i64) -> Value {
        let bytes = index.to_le_bytes().to_vec();
        let index = self.constant(ElementKind::I64, &[], bytes);
        self.op("Gather", &[list, index])
    }

    /// The list of numbers without dimensions.
    pub fn list(&mut self, values: &[Value]) -> Value {
        let values: Vec<Value> = values.iter().map(|value| self.reshape(*value, &[1])).collect();
        self.op_with("Concat", &values, vec![int("axis", 0)])
    }

    /// The graph as a message.
    pub fn finish(self, name: &str) -> GraphMessage {
        let Self { names, nodes, initializers, inputs, outputs } = self;
        let of = |value: &Value| names[value.0].clone();
        let nodes = nodes.iter().map(|(operator, inputs, output, attributes)| Node {
            inputs: inputs.iter().map(of).collect(),
            outputs: vec![of(output)],
            name: format!("{operator}_{}", output.0),
            operator: (*operator).to_string(),
            attributes: attributes.clone(),
        });
        GraphMessage {
            nodes: nodes.collect(),
            name: name.to_string(),
            initializers,
            inputs,
            outputs: outputs.into_iter().map(|(info, _)| info).collect(),
        }
    }
}

/// An attribute that is an integer.
pub(crate) fn int(name: &str, value: i64) -> Attribute {
    let kind = AttributeKind::Int.into();
    Attribute { name: name.to_string(), kind, int: Some(value), ..Attribute::default() }
}

/// An attribute that is a list of integers.
pub(crate) fn ints(name: &str, values: &[i64]) -> Attribute {
    let kind = AttributeKind::Ints.into();
    Attribute { name: name.to_string(), kind, ints: values.to_vec(), ..Attribute::default() }
}

/// An attribute that is a floating-point number.
pub(crate) fn float(name: &str, value: f32) -> Attribute {
    let kind = AttributeKind::Float.into();
    Attribute { name: name.to_string(), kind, float: Some(value), ..Attribute::default() }
}

fn info(port: &Port<'_>) -> ValueInfo {
    let dims = port.shape.iter().map(|size| match size {
        Size::Known(size) => Dimension { size: Some(*size as i64), name: None },
        Size::Open(name) => Dimension { size: None, name: Some((*name).to_string()) },
    });
    let shape = Some(Shape { dims: dims.collect() });
    ValueInfo {
        name: port.name.to_string(),
        kind: Some(ValueKind { tensor: Some(TensorKind { element: port.element.into(), shape }) }),
        doc_string: port.doc.to_string(),
    }
}
