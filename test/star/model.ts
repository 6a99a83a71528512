/** A small star in Cube's language: sales with shops. `clerk` sees the kinds of its attribute. */
export const MODEL = {
  'cubes/sales.yml': `cubes:
  - name: sales
    public: false
    title: Sales
    description: Lines of a few shops.
    sql_table: star.sales
    joins:
      - name: shops
        relationship: many_to_one
        sql: "{CUBE}.shop_id = {shops}.id"
    dimensions:
      - { name: id, title: Id, description: Key., sql: "{CUBE}.id", type: number, primary_key: true, meta: { type: bigint } }
      - { name: kind, title: Kind, description: Kind., sql: "{CUBE}.kind", type: string }
      - { name: buyer, title: Buyer, description: Buyer., sql: "{CUBE}.buyer", type: string }
      - { name: returned, title: Returned, description: Returned., sql: "{CUBE}.returned", type: boolean }
      - { name: qty, title: Quantity, description: Quantity., sql: "{CUBE}.qty", type: number, meta: { type: integer } }
      - { name: sold_at, title: Sold at, description: Time., sql: "{CUBE}.sold_at", type: time }
    measures:
      - { name: amount, title: Amount, description: Amount., sql: "{CUBE}.amount", type: sum, meta: { type: "decimal(18,2)" } }
      - { name: units, title: Units, description: Units., sql: "{qty}", type: sum, meta: { type: bigint } }
      - { name: lines, title: Lines, description: Lines., type: count, meta: { type: bigint } }
      - { name: most, title: Most, description: Most., sql: "{qty}", type: max, meta: { type: integer } }
      - { name: least, title: Least, description: Least., sql: "{qty}", type: min, meta: { type: integer } }
      - { name: buyers, title: Buyers, description: Buyers., sql: "{buyer}", type: count_distinct, meta: { type: bigint } }
      - name: keepers
        title: Keepers
        description: Buyers with a line that is no return.
        sql: "{buyer}"
        type: count_distinct
        filters:
          - sql: "NOT {returned}"
        meta: { type: bigint }
      - name: returns
        title: Returns
        description: Amount of returns.
        sql: "{CUBE}.amount"
        type: sum
        filters:
          - sql: "{returned}"
        meta: { type: "decimal(18,2)" }
      - name: average
        title: Average
        description: Amount by line.
        sql: "{amount} / NULLIF({lines}, 0)"
        type: number
        meta: { type: "decimal(18,6)", ratio: { numerator: amount, denominator: lines } }
      - name: by_buyer_units
        title: Units by buyer
        description: Units by buyer.
        sql: "{units} / NULLIF({buyers}, 0)"
        type: number
        meta: { type: "decimal(18,6)", ratio: { numerator: units, denominator: buyers } }
    pre_aggregations:
      - name: by_day
        type: rollup
        measures: [amount, units, lines, most, least, returns]
        dimensions: [kind, returned, shops.name]
        time_dimension: sold_at
        granularity: day
        partition_granularity: month
      - name: by_buyer
        type: rollup
        measures: [amount, lines, units]
        dimensions: [kind, buyer, returned, shops.region]
        time_dimension: sold_at
        granularity: hour
        partition_granularity: month
    access_policy:
      - groups: [boss]
        row_level: { allow_all: true }
      - group: clerk
        row_level:
          filters:
            - member: kind
              operator: equals
              values: "{ securityContext.kinds }"
`,
  'cubes/shops.yml': `cubes:
  - name: shops
    public: false
    title: Shops
    description: Shops.
    sql_table: star.shops
    dimensions:
      - { name: id, title: Id, description: Key., sql: "{CUBE}.id", type: number, primary_key: true, meta: { type: bigint } }
      - { name: name, title: Name, description: Name., sql: "{CUBE}.name", type: string }
      - { name: region, title: Region, description: Region., sql: "{CUBE}.region", type: string }
`,
  'views/shop.yml': `views:
  - name: shop
    title: Shop
    description: Sales of the shops.
    cubes:
      - join_path: sales
        includes: [kind, buyer, returned, qty, sold_at, amount, units, lines, most, least, buyers, keepers, returns, average, by_buyer_units]
      - join_path: sales.shops
        includes: [{ name: name, alias: shop }, region]
`,
};
