{# In prod the layer is the schema; elsewhere it is prefixed, so that a change can be looked at before it reaches readers. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
  {%- if target.name == 'prod' -%}{{ custom_schema_name or target.schema }}{%- else -%}{{ target.schema }}_{{ custom_schema_name }}{%- endif -%}
{%- endmacro %}
