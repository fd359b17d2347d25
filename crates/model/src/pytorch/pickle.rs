//! Python's pickles, read without Python.
//!
//! A pickle is a program for a stack machine: <https://github.com/python/cpython/blob/main/Lib/pickletools.py> lists its
//! opcodes. This machine has those that `torch.save` writes, in protocols 2 to 5. A call becomes a [`Value::Call`], which
//! nothing executes.

use std::collections::HashMap;

use crate::error::Error;

/// Maximum number of opcodes, and so of values; the state dict of a ResNet18 has 5,000.
const MAX_OPCODES: usize = 1 << 21;

/// Functions and classes that a pickle may name, besides torch's storages (`torch.FloatStorage`). The first five are the ones
/// that have a meaning; the others occur in checkpoints, and what they make is ignored.
const GLOBALS: [(&str, &str); 18] = [
    ("collections", "OrderedDict"),
    ("torch._utils", "_rebuild_tensor"),
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch._utils", "_rebuild_parameter"),
    ("torch._utils", "_rebuild_parameter_with_state"),
    ("_codecs", "encode"),
    ("argparse", "Namespace"),
    ("builtins", "set"),
    ("__builtin__", "set"),
    ("collections", "defaultdict"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("torch", "Size"),
    ("torch", "device"),
];

/// The position of a value in its pickle.
pub(super) type Id = usize;

/// What a pickle holds, as far as a state dict can use it.
#[derive(Debug)]
pub(super) enum Value<'a> {
    Bool(bool),
    Int(i64),
    Text(&'a str),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// A function or class by module and name.
    Global(&'a str, &'a str),
    /// What a function would return for the arguments in a tuple.
    Call {
        function: Id,
        arguments: Id,
    },
    /// Something outside the pickle that a tuple describes: a storage.
    Persistent(Id),
    /// Anything else: `None`, floats, bytes, sets, objects.
    Other,
}

/// A pickle's values.
pub(super) struct Pickle<'a> {
    values: Vec<Value<'a>>,
    root: Id,
}

impl<'a> Pickle<'a> {
    /// Reads the pickle at the start of `bytes`; returns it and the bytes that follow.
    pub fn parse(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), Error> {
        let mut machine =
            Machine { rest: bytes, values: Vec::new(), stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() };
        for _ in 0..MAX_OPCODES {
            let [opcode] = machine.take_array()?;
            if opcode == b'.' {
                let root = machine.pop()?;
                return Ok((Self { values: machine.values, root }, machine.rest));
            }
            machine.step(opcode)?;
        }
        Err(Error::Limit(format!("a pickle of more than {MAX_OPCODES} steps")))
    }

    /// The value that the pickle describes.
    pub fn root(&self) -> &Value<'a> {
        self.get(self.root)
    }

    /// A value of this pickle.
    pub fn get(&self, id: Id) -> &Value<'a> {
        self.values.get(id).unwrap_or(&Value::Other)
    }

    /// All values, in the order in which the pickle makes them.
    pub fn values(&self) -> impl Iterator<Item = &Value<'a>> {
        self.values.iter()
    }

    /// The elements of a tuple or list; none for any other value.
    pub fn elements<'p>(&'p self, value: &'p Value) -> impl Iterator<Item = &'p Value<'a>> {
        let ids = match value {
            Value::Tuple(ids) | Value::List(ids) => ids.as_slice(),
            _ => &[],
        };
        ids.iter().map(|id| self.get(*id))
    }

    /// The keys and values of a dict; none for any other value.
    pub fn items<'p>(&'p self, value: &'p Value) -> impl Iterator<Item = (&'p Value<'a>, &'p Value<'a>)> {
        let pairs = match value {
            Value::Dict(pairs) => pairs.as_slice(),
            _ => &[],
        };
        pairs.iter().map(|(key, value)| (self.get(*key), self.get(*value)))
    }
}

struct Machine<'a> {
    rest: &'a [u8],
    values: Vec<Value<'a>>,
    stack: Vec<Id>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl<'a> Machine<'a> {
    /// Executes one opcode.
    fn step(&mut self, opcode: u8) -> Result<(), Error> {
        match opcode {
            0x80 => self.take_array::<1>().map(drop),                          // PROTO
            0x95 => self.take_array::<8>().map(drop),                          // FRAME
            b'N' => self.push(Value::Other),                                   // NONE
            0x88 => self.push(Value::Bool(true)),                              // NEWTRUE
            0x89 => self.push(Value::Bool(false)),                             // NEWFALSE
            b'G' => self.skip(8),                                              // BINFLOAT
            b'C' => self.counted::<1>().and_then(|_| self.push(Value::Other)), // SHORT_BINBYTES
            b'B' => self.counted::<4>().and_then(|_| self.push(Value::Other)), // BINBYTES
            b'J' | b'K' | b'M' | 0x8a => self.integer(opcode),
            b'X' | b'T' => self.text::<4>(), // BINUNICODE, BINSTRING
            0x8c | b'U' => self.text::<1>(), // SHORT_BINUNICODE, SHORT_BINSTRING
            b'(' => {
                self.marks.push(self.stack.len()); // MARK
                Ok(())
            }
            b'0' => self.pop().map(drop),                // POP
            b')' => self.push(Value::Tuple(Vec::new())), // EMPTY_TUPLE
            b']' => self.push(Value::List(Vec::new())),  // EMPTY_LIST
            b'}' => self.push(Value::Dict(Vec::new())),  // EMPTY_DICT
            0x8f => self.push(Value::Other),             // EMPTY_SET
            b't' | 0x85..=0x87 => self.tuple(opcode),
            b'a' | b'e' | 0x90 | b's' | b'u' => self.extend(opcode),
            b'c' | 0x93 => self.global(opcode),
            b'R' | 0x81 => self.call(),   // REDUCE, NEWOBJ
            b'b' => self.pop().map(drop), // BUILD sets attributes, which a state dict does not need
            b'Q' => {
                let description = self.pop()?; // BINPERSID
                self.push(Value::Persistent(description))
            }
            b'q' | b'r' | 0x94 | b'h' | b'j' => self.memory(opcode),
            _ => Err(Error::Unsupported(format!(
                "the pickle has the opcode {opcode:#04x}, which torch.save does not write"
            ))),
        }
    }

    /// BININT, BININT1, BININT2, LONG1.
    fn integer(&mut self, opcode: u8) -> Result<(), Error> {
        let value = match opcode {
            b'J' => i64::from(i32::from_le_bytes(self.take_array()?)),
            b'K' => i64::from(u8::from_le_bytes(self.take_array()?)),
            b'M' => i64::from(u16::from_le_bytes(self.take_array()?)),
            _ => {
                let bytes = self.counted::<1>()?;
                if bytes.len() > 8 {
                    return self.push(Value::Other);
                }
                // Two's complement, of as many bytes as the number needs.
                let sign = if bytes.last().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
                let mut whole = [sign; 8];
                whole[..bytes.len()].copy_from_slice(bytes);
                i64::from_le_bytes(whole)
            }
        };
        self.push(Value::Int(value))
    }

    /// A text with its length in `N` bytes before it.
    fn text<const N: usize>(&mut self) -> Result<(), Error> {
        let text = std::str::from_utf8(self.counted::<N>()?);
        self.push(text.map_or(Value::Other, Value::Text))
    }

    /// TUPLE, TUPLE1, TUPLE2, TUPLE3.
    fn tuple(&mut self, opcode: u8) -> Result<(), Error> {
        let items = match opcode {
            b't' => self.pop_to_mark()?,
            _ => {
                let n = usize::from(opcode - 0x84);
                let start = self.stack.len().checked_sub(n).filter(|start| *start >= self.floor());
                self.stack.split_off(start.ok_or_else(underflow)?)
            }
        };
        self.push(Value::Tuple(items))
    }

    /// APPEND, APPENDS, ADDITEMS, SETITEM, SETITEMS: adds items to the list, set or dict below them on the stack.
    fn extend(&mut self, opcode: u8) -> Result<(), Error> {
        let items = match opcode {
            b'a' => vec![self.pop()?],
            b's' => {
                let value = self.pop()?;
                vec![self.pop()?, value]
            }
            _ => self.pop_to_mark()?,
        };
        let target = *self.stack.last().ok_or_else(underflow)?;
        match self.values.get_mut(target) {
            Some(Value::List(list)) if opcode != b's' && opcode != b'u' => list.extend(items),
            Some(Value::Dict(pairs)) if opcode == b's' || opcode == b'u' => {
                pairs.extend(items.as_chunks().0.iter().map(|[key, value]| (*key, *value)));
            }
            Some(Value::Other | Value::Call { .. }) => {} // a set or an object
            _ => return Err(malformed("items are added to a value that holds none")),
        }
        Ok(())
    }

    /// GLOBAL, STACK_GLOBAL.
    fn global(&mut self, opcode: u8) -> Result<(), Error> {
        let (module, name) = if opcode == b'c' {
            (self.line()?, self.line()?)
        } else {
            let (name, module) = (self.pop()?, self.pop()?);
            match (self.values.get(module), self.values.get(name)) {
                (Some(Value::Text(module)), Some(Value::Text(name))) => (*module, *name),
                _ => return Err(malformed("the name of a function is not a text")),
            }
        };
        let is_storage = ["torch", "torch.storage"].contains(&module) && name.ends_with("Storage");
        if is_storage || GLOBALS.contains(&(module, name)) {
            return self.push(Value::Global(module, name));
        }
        Err(Error::Unsupported(format!(
            "it uses `{module}.{name}`, which is not part of a state dict; save the weights alone: torch.save(model.state_dict(), PATH)"
        )))
    }

    /// A call. The two kinds of dict become dicts: with Python 3 they are filled afterwards, with Python 2 their argument is a
    /// list of pairs.
    fn call(&mut self) -> Result<(), Error> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        if !matches!(self.values.get(function), Some(Value::Global("collections", _))) {
            return self.push(Value::Call { function, arguments });
        }
        let ids = |id: Id| match self.values.get(id) {
            Some(Value::Tuple(ids) | Value::List(ids)) => ids.as_slice(),
            _ => &[],
        };
        let pairs = ids(arguments).iter().flat_map(|list| ids(*list));
        let pairs = pairs.filter_map(|pair| ids(*pair).first_chunk::<2>()).map(|[key, value]| (*key, *value));
        let pairs = pairs.collect();
        self.push(Value::Dict(pairs))
    }

    /// BINPUT, LONG_BINPUT, MEMOIZE remember the top of the stack; BINGET, LONG_BINGET push a remembered value.
    fn memory(&mut self, opcode: u8) -> Result<(), Error> {
        let key = match opcode {
            0x94 => u32::try_from(self.memo.len()).unwrap_or(u32::MAX),
            b'q' | b'h' => u32::from(u8::from_le_bytes(self.take_array()?)),
            _ => u32::from_le_bytes(self.take_array()?),
        };
        if opcode == b'h' || opcode == b'j' {
            let id = self.memo.get(&key).ok_or_else(|| malformed("it recalls a value that it did not store"))?;
            self.stack.push(*id);
        } else {
            self.memo.insert(key, *self.stack.last().ok_or_else(underflow)?);
        }
        Ok(())
    }

    fn push(&mut self, value: Value<'a>) -> Result<(), Error> {
        self.stack.push(self.values.len());
        self.values.push(value);
        Ok(())
    }

    fn pop(&mut self) -> Result<Id, Error> {
        let floor = self.floor();
        if self.stack.len() > floor { self.stack.pop().ok_or_else(underflow) } else { Err(underflow()) }
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Id>, Error> {
        let mark = self.marks.pop().ok_or_else(underflow)?;
        Ok(self.stack.split_off(mark))
    }

    /// Height of the stack at the last mark: what lies below is popped only together with the mark.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn skip(&mut self, length: usize) -> Result<(), Error> {
        self.take(length)?;
        self.push(Value::Other)
    }

    /// Bytes with their number in `N` bytes before them.
    fn counted<const N: usize>(&mut self) -> Result<&'a [u8], Error> {
        let mut length = [0; 8];
        length[..N].copy_from_slice(&self.take_array::<N>()?);
        self.take(usize::try_from(u64::from_le_bytes(length)).unwrap_or(usize::MAX))
    }

    fn line(&mut self) -> Result<&'a str, Error> {
        let length = self.rest.iter().position(|byte| *byte == b'\n').ok_or_else(|| malformed("it is cut off"))?;
        let line = std::str::from_utf8(self.take(length + 1)?).map_err(|_| malformed("a name is not UTF-8"))?;
        Ok(line.trim_end_matches('\n'))
    }

    fn take_array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (array, rest) = self.rest.split_first_chunk().ok_or_else(|| malformed("it is cut off"))?;
        self.rest = rest;
        Ok(*array)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(|| malformed("it is cut off"))?;
        self.rest = rest;
        Ok(taken)
    }
}

fn underflow() -> Error {
    malformed("it takes a value from an empty stack")
}

fn malformed(problem: &str) -> Error {
    Error::Malformed(format!("not a whole pickle: {problem}"))
}
