// Reads MessagePack (what `msgspec` writes). Integers beyond 2^53 become BigInt.

const TEXT = new TextDecoder("utf-8", { fatal: true });

class Reader {
  constructor(buffer) {
    this.view = new DataView(buffer);
    this.at = 0;
  }

  take(size) {
    const at = this.at;
    if (at + size > this.view.byteLength) throw new RangeError("message ends too early");
    this.at += size;
    return at;
  }

  text(size) {
    return TEXT.decode(new Uint8Array(this.view.buffer, this.take(size), size));
  }

  bytes(size) {
    const at = this.take(size);
    return new Uint8Array(this.view.buffer.slice(at, at + size));
  }

  list(size) {
    const items = [];
    for (let i = 0; i < size; i++) items.push(this.value());
    return items;
  }

  map(size) {
    const map = {};
    for (let i = 0; i < size; i++) {
      const key = this.value();
      map[key] = this.value();
    }
    return map;
  }

  big(value) {
    const small = Number(value);
    return Number.isSafeInteger(small) ? small : value;
  }

  value() {
    const code = this.view.getUint8(this.take(1));
    if (code < 0x80) return code;
    if (code < 0x90) return this.map(code & 15);
    if (code < 0xa0) return this.list(code & 15);
    if (code < 0xc0) return this.text(code & 31);
    if (code >= 0xe0) return code - 256;
    const read = LONG[code];
    if (!read) throw new RangeError(`byte ${code} is not known`);
    return read(this, this.view);
  }
}

const LONG = {
  0xc0: () => null,
  0xc2: () => false,
  0xc3: () => true,
  0xc4: (r, v) => r.bytes(v.getUint8(r.take(1))),
  0xc5: (r, v) => r.bytes(v.getUint16(r.take(2))),
  0xca: (r, v) => v.getFloat32(r.take(4)),
  0xcb: (r, v) => v.getFloat64(r.take(8)),
  0xcc: (r, v) => v.getUint8(r.take(1)),
  0xcd: (r, v) => v.getUint16(r.take(2)),
  0xce: (r, v) => v.getUint32(r.take(4)),
  0xcf: (r, v) => r.big(v.getBigUint64(r.take(8))),
  0xd0: (r, v) => v.getInt8(r.take(1)),
  0xd1: (r, v) => v.getInt16(r.take(2)),
  0xd2: (r, v) => v.getInt32(r.take(4)),
  0xd3: (r, v) => r.big(v.getBigInt64(r.take(8))),
  0xd9: (r, v) => r.text(v.getUint8(r.take(1))),
  0xda: (r, v) => r.text(v.getUint16(r.take(2))),
  0xdc: (r, v) => r.list(v.getUint16(r.take(2))),
  0xdd: (r, v) => r.list(v.getUint32(r.take(4))),
  0xde: (r, v) => r.map(v.getUint16(r.take(2))),
};

/** Decode one message; RangeError/TypeError: it is not MessagePack. */
export function decode(buffer) {
  const reader = new Reader(buffer);
  const value = reader.value();
  if (reader.at !== buffer.byteLength) throw new RangeError("bytes left after the message");
  return value;
}
