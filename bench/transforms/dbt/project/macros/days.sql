{# The days that a run builds: those it was told, else the last one that is there and later ones. #}
{% macro days(column) -%}
  {% if var('from_day') %}{{ column }} >= date '{{ var('from_day') }}' AND {{ column }} < date '{{ var('to_day') }}'
  {%- elif is_incremental() %}{{ column }} >= (SELECT max(sold_day) FROM {{ this }})
  {%- else %}true{% endif %}
{%- endmacro %}
