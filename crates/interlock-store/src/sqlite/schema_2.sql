-- Billionths of a US dollar; absent: no limit.
ALTER TABLE agent ADD COLUMN budget_day_nano_usd INTEGER;
ALTER TABLE agent ADD COLUMN budget_month_nano_usd INTEGER;
