//! What has to agree with what: routes in code, template, document, local router and sample events; the table with its
//! definition; settings with the code that reads them; and every house rule that a program can check.

mod files;
mod template;

mod document;
mod routes;
mod tidy;
