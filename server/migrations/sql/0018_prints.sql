-- A printing that never went to the printer's queue is not counted.
grant delete on print to hpf_app;
