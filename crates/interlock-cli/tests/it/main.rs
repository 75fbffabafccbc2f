//! The binary as a person runs it: whole outputs, exit codes.

mod audit;
mod budgets;
mod command;
mod decide;
mod doctor;
mod evidence;
mod guides;
mod help;
mod hook;
mod kill;
mod policy;
mod reach;
mod reload;
mod server;
mod shared;
