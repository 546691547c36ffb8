// Keeps the logs of this browser (IndexedDB) and hands them out as files.

const DATABASE = "teleop-audit";
const STORE = "lines";
const KEPT_LOGS = 20; // Of the newest page loads; older ones are deleted.

function request(operation) {
  return new Promise((resolve, reject) => {
    operation.onsuccess = () => resolve(operation.result);
    operation.onerror = () => reject(operation.error);
  });
}

/** One log: parts are added, never changed. Keys are [log, number of the part]. */
export class LogStore {
  constructor(name) {
    this.name = name;
    this.parts = 0;
  }

  async open() {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
    this.database = await request(opening);
    const store = this.database.transaction(STORE, "readwrite").objectStore(STORE);
    const keys = await request(store.getAllKeys());
    const names = [...new Set(keys.map(([name]) => name))].sort();
    const old = new Set(names.slice(0, Math.max(0, names.length - KEPT_LOGS)));
    for (const key of keys) if (old.has(key[0])) store.delete(key);
  }

  async append(lines) {
    const store = this.database.transaction(STORE, "readwrite").objectStore(STORE);
    await request(store.add(`${lines.join("\n")}\n`, [this.name, this.parts]));
    this.parts += 1;
  }

  async text() {
    const store = this.database.transaction(STORE).objectStore(STORE);
    const range = IDBKeyRange.bound([this.name, 0], [this.name, Infinity]);
    return (await request(store.getAll(range))).join("");
  }
}
