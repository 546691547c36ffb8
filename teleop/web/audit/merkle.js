// Merkle tree hashing and consistency proofs of RFC 6962 (teleop/audit/merkle.py is the original).

import { sha256 } from "../keys/sha256.js";

const MAX_PROOF = 64;

function hash(mark, ...parts) {
  const bytes = new Uint8Array(1 + parts.reduce((sum, part) => sum + part.length, 0));
  bytes[0] = mark;
  let at = 1;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return sha256(bytes);
}

export const leafHash = (entry) => hash(0, entry);
export const nodeHash = (left, right) => hash(1, left, right);

export function sameBytes(one, other) {
  return one.length === other.length && one.every((byte, i) => byte === other[i]);
}

/** The largest power of two smaller than `size`. */
function split(size) {
  let k = 1;
  while (2 * k < size) k *= 2;
  return k;
}

export class Tree {
  constructor() {
    this.levels = [[]]; // levels[k][i]: hash of entries i * 2^k to (i + 1) * 2^k
  }

  get size() {
    return this.levels[0].length;
  }

  append(entry) {
    this.levels[0].push(leafHash(entry));
    for (let level = 0; this.levels[level].length % 2 === 0; level += 1) {
      this.levels[level + 1] ??= [];
      this.levels[level + 1].push(nodeHash(...this.levels[level].slice(-2)));
    }
  }

  /** Root of the first `size` entries, one or more. */
  root(size = this.size) {
    return this.range(0, size);
  }

  range(start, end) {
    const size = end - start;
    const level = Math.log2(size);
    if (Number.isInteger(level)) return this.levels[level][start / size];
    const middle = start + split(size);
    return nodeHash(this.range(start, middle), this.range(middle, end));
  }

  /** Proof that the tree of `second` entries continues that of `first`, which is one or more. */
  consistency(first, second) {
    return this.subproof(first, 0, second, true);
  }

  subproof(first, start, end, known) {
    const size = end - start;
    if (first === size) return known ? [] : [this.range(start, end)];
    const k = split(size);
    if (first <= k) return [...this.subproof(first, start, start + k, known), this.range(start + k, end)];
    return [...this.subproof(first - k, start + k, end, false), this.range(start, start + k)];
  }
}

const half = (x) => Math.floor(x / 2);
const odd = (x) => x % 2 === 1;

/** Check a consistency proof (RFC 9162, 2.1.4.2). */
export function isConsistent(first, second, firstRoot, secondRoot, proof) {
  if (!(first > 0 && first <= second) || proof.length > MAX_PROOF) return false;
  if (first === second) return proof.length === 0 && sameBytes(firstRoot, secondRoot);
  const path = Number.isInteger(Math.log2(first)) ? [firstRoot, ...proof] : [...proof];
  if (path.length === 0) return false;
  let [fn, sn] = [first - 1, second - 1];
  while (odd(fn)) [fn, sn] = [half(fn), half(sn)];
  let [fr, sr] = [path[0], path[0]];
  for (const step of path.slice(1)) {
    if (sn === 0) return false;
    if (odd(fn) || fn === sn) {
      [fr, sr] = [nodeHash(step, fr), nodeHash(step, sr)];
      while (fn > 0 && !odd(fn)) [fn, sn] = [half(fn), half(sn)];
    } else {
      sr = nodeHash(sr, step);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 && sameBytes(fr, firstRoot) && sameBytes(sr, secondRoot);
}
