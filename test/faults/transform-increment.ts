/** A day that is new and a late line of one that is published: an increment with changes in every table. */
export const NEXT = [
  '900001,22423,REGENCY CAKESTAND 3 TIER,2,12/14/10 9:00,12.75,99001,United Kingdom',
  '900002,99999X,A BRAND NEW THING,1,12/14/10 10:30,100,,Atlantis',
  'C900003,22423,REGENCY CAKESTAND 3 TIER,-1,12/14/10 11:00,12.75,17850,United Kingdom',
  '800002,22423,REGENCY CAKESTAND 3 TIER,3,12/3/10 10:00,12.75,17850,United Kingdom',
];
