/** Deterministic random numbers: the same seed gives the same sequence on every machine (32-bit integer arithmetic only). */
export class Random {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;
  constructor(seed: number) {
    this.a = seed | 0;
    this.b = Math.floor(seed / 4_294_967_296) | 0;
    this.c = 0x9e37_79b9 | 0;
    for (let i = 0; i < 16; i++) this.word();
  }
  /** 32 bits. The generator is "small fast counting" of Chris Doty-Humphrey's PractRand. */
  private word(): number {
    const sum = (((this.a + this.b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = ((this.c << 21) | (this.c >>> 11)) + sum;
    this.c |= 0;
    return sum >>> 0;
  }
  /** In [0, 1). */
  real(): number {
    return this.word() / 4_294_967_296;
  }
  /** In 0 .. below-1. */
  below(below: number): number {
    return Math.floor(this.real() * below);
  }
  chance(share: number): boolean {
    return this.real() < share;
  }
  /** In 0 .. below-1, small ones far more often: a few products make most of the sales. */
  skewed(below: number, power: number): number {
    return Math.floor(below * this.real() ** power);
  }
}
