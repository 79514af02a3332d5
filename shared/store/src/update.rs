//! A DynamoDB update expression, built field by field.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update as SdkUpdate};
use serde::Serialize;

use crate::item::{StoreError, encode_value, key_of, whole};
use crate::keys::Key;
use crate::transact::{Guard, Write};

/// An update of one item. Field names may be paths of two (`route.status`).
#[derive(Debug)]
pub(crate) struct Update {
    key: Key,
    sets: Vec<String>,
    removes: Vec<String>,
    conditions: Vec<String>,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Update {
    pub(crate) fn of(key: Key) -> Self {
        Self {
            key,
            sets: Vec::new(),
            removes: Vec::new(),
            conditions: Vec::new(),
            names: HashMap::new(),
            values: HashMap::new(),
        }
    }

    fn name(&mut self, field: &str) -> String {
        let parts = field.split('.').map(|part| {
            self.names.insert(format!("#{part}"), part.to_owned());
            format!("#{part}")
        });
        parts.collect::<Vec<_>>().join(".")
    }

    fn value(&mut self, field: &str, value: AttributeValue) -> String {
        let mut name = format!(":{}", field.replace('.', "_"));
        while self.values.get(&name).is_some_and(|there| *there != value) {
            name.push('x');
        }
        self.values.insert(name.clone(), value);
        name
    }

    /// Sets a field; `None` removes it.
    pub(crate) fn set<T: Serialize>(mut self, field: &str, value: &T) -> Result<Self, StoreError> {
        let value = encode_value(value)?;
        let name = self.name(field);
        if matches!(value, AttributeValue::Null(_)) {
            self.removes.push(name);
        } else {
            let value = self.value(field, value);
            self.sets.push(format!("{name} = {value}"));
        }
        Ok(self)
    }

    /// Sets a field unless it is there already.
    pub(crate) fn set_if_absent<T: Serialize>(mut self, field: &str, value: &T) -> Result<Self, StoreError> {
        let value = encode_value(value)?;
        if !matches!(value, AttributeValue::Null(_)) {
            self = self.set_if_absent_value(field, value);
        }
        Ok(self)
    }

    pub(crate) fn set_if_absent_value(mut self, field: &str, value: AttributeValue) -> Self {
        let (name, value) = (self.name(field), self.value(field, value));
        self.sets.push(format!("{name} = if_not_exists({name}, {value})"));
        self
    }

    pub(crate) fn remove(mut self, field: &str) -> Self {
        let name = self.name(field);
        self.removes.push(name);
        self
    }

    /// Adds to a number that may not be there yet.
    pub(crate) fn add(mut self, field: &str, by: i64) -> Self {
        let name = self.name(field);
        let (zero, by) = (self.value("zero", whole(0)), self.value(&format!("{field}_by"), whole(by)));
        self.sets.push(format!("{name} = if_not_exists({name}, {zero}) + {by}"));
        self
    }

    /// Only if the field is this.
    pub(crate) fn when_is<T: Serialize>(mut self, field: &str, value: &T) -> Result<Self, StoreError> {
        let value = encode_value(value)?;
        let (name, value) = (self.name(field), self.value(&format!("{field}_is"), value));
        self.conditions.push(format!("{name} = {value}"));
        Ok(self)
    }

    /// Only if the field is one of these.
    pub(crate) fn when_in<T: Serialize>(mut self, field: &str, values: &[T]) -> Result<Self, StoreError> {
        let name = self.name(field);
        let mut placeholders = Vec::new();
        for (n, value) in values.iter().enumerate() {
            placeholders.push(self.value(&format!("{field}_in{n}"), encode_value(value)?));
        }
        self.conditions.push(format!("{name} IN ({})", placeholders.join(", ")));
        Ok(self)
    }

    /// Only if the field is at least this.
    pub(crate) fn when_at_least(mut self, field: &str, floor: i64) -> Self {
        let (name, floor) = (self.name(field), self.value(&format!("{field}_floor"), whole(floor)));
        self.conditions.push(format!("{name} >= {floor}"));
        self
    }

    /// Only if the field is not there or below this.
    pub(crate) fn when_absent_or_below(mut self, field: &str, ceiling: i64) -> Self {
        let (name, ceiling) = (self.name(field), self.value(&format!("{field}_ceiling"), whole(ceiling)));
        self.conditions.push(format!("(attribute_not_exists({name}) OR {name} < {ceiling})"));
        self
    }

    pub(crate) fn when_absent(mut self, field: &str) -> Self {
        let name = self.name(field);
        self.conditions.push(format!("attribute_not_exists({name})"));
        self
    }

    /// Only if the field is not there or false.
    pub(crate) fn when_not_set(mut self, field: &str) -> Self {
        let (name, no) = (self.name(field), self.value("no", AttributeValue::Bool(false)));
        self.conditions.push(format!("(attribute_not_exists({name}) OR {name} = {no})"));
        self
    }

    /// Only if the item is there.
    pub(crate) fn when_exists(mut self) -> Self {
        let name = self.name(crate::keys::PK);
        self.conditions.push(format!("attribute_exists({name})"));
        self
    }

    pub(crate) fn changes_nothing(&self) -> bool {
        self.sets.is_empty() && self.removes.is_empty()
    }

    pub(crate) fn expression(&self) -> String {
        let part = |verb: &str, what: &[String]| match what {
            [] => String::new(),
            some => format!("{verb} {} ", some.join(", ")),
        };
        format!("{}{}", part("SET", &self.sets), part("REMOVE", &self.removes)).trim().to_owned()
    }

    pub(crate) fn condition(&self) -> Option<String> {
        (!self.conditions.is_empty()).then(|| self.conditions.join(" AND "))
    }

    /// Names, values and key, for a call outside a transaction.
    pub(crate) fn into_parts(self) -> (Key, HashMap<String, String>, HashMap<String, AttributeValue>) {
        (self.key, self.names, self.values)
    }

    /// As a part of a transaction.
    pub(crate) fn write(self, guard: Guard) -> Write {
        let update = SdkUpdate::builder()
            .set_key(Some(key_of(&self.key)))
            .update_expression(self.expression())
            .set_condition_expression(self.condition())
            .set_expression_attribute_names(Some(self.names))
            .set_expression_attribute_values((!self.values.is_empty()).then_some(self.values));
        Write::new(guard, move |table| {
            let update = update.clone().table_name(table).build();
            update.map(|update| TransactWriteItem::builder().update(update).build())
        })
    }
}
