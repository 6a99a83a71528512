AUDIT (name not_negative);
SELECT amount FROM @this_model WHERE amount < 0
