/** A small star in Cube's language: sales with shops. `clerk` sees the kinds of its attribute. */
export const MODEL = {
  'cubes/sales.yml': `cubes:
  - name: sales
    public: false
    title: Sales
    description: Lines of a few shops.
    sql_table: star.sales
    meta:
      calendars:
        - { name: retail, pattern: 4-4-5, starts: "02-01" }
        - { name: trade, pattern: 5-4-4, begins: on_or_after, week_start: sunday }
        - { name: fiscal, starts: "04-01", week_start: sunday }
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
      - { name: sold_at, title: Sold at, description: Time., sql: "{CUBE}.sold_at", type: time, meta: { calendars: [retail, trade, fiscal] } }
    measures:
      - { name: amount, title: Amount, description: Amount., sql: "{CUBE}.amount", type: sum, drill_members: [kind, shops.name, sold_at], meta: { type: "decimal(18,2)" } }
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
        drill_members: [kind, buyer]
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
      - name: per_buyer
        title: Amount of a buyer
        description: Amount of a buyer, on average.
        sql: "{amount}"
        type: number
        meta: { type: "decimal(18,6)", stage: { measure: amount, by: [buyer], take: avg } }
      - name: best_buyer
        title: Best buyer
        description: Amount of the buyer who has most.
        sql: "{amount}"
        type: number
        meta: { type: "decimal(18,2)", stage: { measure: amount, by: [buyer], take: max } }
      - name: of_kind
        title: Amount of the kind
        description: Amount of all lines of the same kind.
        sql: "{amount}"
        type: number
        meta: { type: "decimal(18,2)", level: { measure: amount, by: [kind] } }
      - name: of_all
        title: Lines in all
        description: Lines of the whole question.
        sql: "{lines}"
        type: number
        meta: { type: bigint, level: { measure: lines, by: [] } }
      - name: share
        title: Share of lines
        description: Lines by all lines of the question.
        sql: "{lines} / NULLIF({of_all}, 0)"
        type: number
        meta: { type: "decimal(18,6)", ratio: { numerator: lines, denominator: of_all } }
      - name: average_by_unit
        title: Average by unit
        description: A ratio of a ratio.
        sql: "{average} / NULLIF({units}, 0)"
        type: number
        meta: { type: "decimal(18,6)", ratio: { numerator: average, denominator: units } }
      - name: big_buyers
        title: Buyers of several lines
        description: Buyers with more than one line.
        sql: "{lines}"
        type: number
        meta: { type: bigint, stage: { measure: lines, by: [buyer], take: count, conditions: [{ op: gt, value: 1 }], known: true } }
      - name: good_buyer
        title: Amount of a good buyer
        description: Amount of a buyer on average, of those from 0 to 500.50.
        sql: "{amount}"
        type: number
        meta:
          type: "decimal(18,6)"
          stage: { measure: amount, by: [buyer], take: avg, conditions: [{ op: gte, value: 0 }, { op: lt, value: "500.50" }] }
      - { name: amount_then, title: Amount then, description: Amount of the period before., sql: "{amount}", type: number, meta: { type: "decimal(18,2)", period: { measure: amount, take: previous } } }
      - { name: change, title: Change, description: Change., sql: "{amount} - {amount_then}", type: number, meta: { type: "decimal(18,2)", difference: { of: amount, less: amount_then } } }
      - { name: growth, title: Growth, description: Growth., sql: "{change} / NULLIF({amount_then}, 0)", type: number, meta: { type: "decimal(18,6)", ratio: { numerator: change, denominator: amount_then } } }
      - { name: so_far, title: So far, description: Buyers so far., sql: "{buyers}", type: number, meta: { type: bigint, period: { measure: buyers, take: until_end } } }
      - { name: up_to, title: Up to, description: Buyers before., sql: "{buyers}", type: number, meta: { type: bigint, period: { measure: buyers, take: before } } }
      - { name: new_buyers, title: New buyers, description: New buyers., sql: "{so_far} - {up_to}", type: number, meta: { type: bigint, difference: { of: so_far, less: up_to } } }
      - { name: buyers_then, title: Then, description: Buyers then., sql: "{buyers}", type: number, meta: { type: bigint, period: { measure: buyers, take: previous } } }
      - { name: both, title: Both, description: Buyers of both., sql: "{buyers}", type: number, meta: { type: bigint, period: { measure: buyers, take: with_previous } } }
      - { name: lost, title: Lost, description: Lost buyers., sql: "{both} - {buyers}", type: number, meta: { type: bigint, difference: { of: both, less: buyers } } }
      - { name: churn, title: Churn, description: Churn., sql: "{lost} / NULLIF({buyers_then}, 0)", type: number, meta: { type: "decimal(18,6)", ratio: { numerator: lost, denominator: buyers_then } } }
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
    measures:
      - { name: shops, title: Shops, description: Shops., type: count, meta: { type: bigint } }
      - { name: space, title: Space, description: Space., sql: "{CUBE}.space", type: sum, meta: { type: bigint } }
`,
  'cubes/counts.yml': `cubes:
  - name: counts
    public: false
    title: Counts
    description: What was on hand in the shops, on some days.
    sql_table: star.counts
    joins:
      - name: shops
        relationship: many_to_one
        sql: "{CUBE}.shop_id = {shops}.id"
    dimensions:
      - { name: id, title: Id, description: Key., sql: "{CUBE}.id", type: number, primary_key: true, meta: { type: bigint } }
      - { name: day, title: Day, description: Day., sql: "{CUBE}.day", type: time, meta: { type: date, calendars: [retail, trade, fiscal] } }
    measures:
      - { name: counted, title: Counted, description: Counts., type: count, meta: { type: bigint } }
      - name: stock
        title: Stock
        description: On hand on the last day.
        sql: "{CUBE}.on_hand"
        type: sum
        meta: { type: bigint, non_additive: { over: day, take: last } }
      - name: opening
        title: Opening
        description: On hand on the first day.
        sql: "{CUBE}.on_hand"
        type: sum
        meta: { type: bigint, non_additive: { over: day, take: first } }
      - name: stock_avg
        title: Average stock
        description: On hand, on average over days.
        sql: "{CUBE}.on_hand"
        type: sum
        meta: { type: bigint, non_additive: { over: day, take: avg } }
      - name: stock_low
        title: Lowest stock
        description: On hand on the day that had least.
        sql: "{CUBE}.on_hand"
        type: sum
        meta: { type: bigint, non_additive: { over: day, take: min } }
      - name: carried
        title: Stock as known
        description: On hand on the last day that was counted, be it before.
        sql: "{CUBE}.on_hand"
        type: sum
        meta: { type: bigint, non_additive: { over: day, take: last, carry: forward } }
    pre_aggregations:
      - name: counts_by_day
        type: rollup
        measures: [counted, stock]
        dimensions: [shops.name]
        time_dimension: day
        granularity: day
        partition_granularity: month
`,
  'views/shop.yml': `views:
  - name: shop
    title: Shop
    description: Sales of the shops.
    cubes:
      - join_path: sales
        includes:
          - kind
          - buyer
          - returned
          - qty
          - { name: sold_at, meta: { conforms: [counts.day] } }
          - amount
          - units
          - lines
          - most
          - least
          - buyers
          - keepers
          - returns
          - average
          - by_buyer_units
          - per_buyer
          - best_buyer
          - of_kind
          - of_all
          - share
          - average_by_unit
          - big_buyers
          - good_buyer
          - amount_then
          - change
          - growth
          - so_far
          - up_to
          - new_buyers
          - buyers_then
          - both
          - lost
          - churn
      - join_path: sales.shops
        includes: [{ name: name, alias: shop }, region, shops, space]
      - join_path: counts
        includes: [counted, stock, opening, stock_avg, stock_low, carried]
`,
};
