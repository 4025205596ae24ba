//! The console of operators, as they use it: the real process, and the forms of its pages.

mod browser;
mod form;
mod import;
mod live;
mod pages;
mod protection;
mod rights;
mod run;
mod session;
