-- Why an engine made the published rows, with the numbers that it was chosen by.
ALTER TABLE assay.interval ADD COLUMN route text;
