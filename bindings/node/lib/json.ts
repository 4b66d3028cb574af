/** Says that something has no place in JSON: what it is, and where as a JSON pointer. */
type Refuse = (what: string, pointer: string) => Error;

const DEEPEST = 128;

/** A value as JSON, in full: what JSON would leave out or change may have been meant, so it is refused. */
export function toJson(value: unknown, refuse: Refuse): string {
  return JSON.stringify(plain(value, '', 0, refuse));
}

/** A copy without surprises. Without a prototype, so that every name is a plain one. */
function plain(value: unknown, pointer: string, depth: number, refuse: Refuse): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)) return value;
  if (typeof value !== 'object') throw refuse(typeof value === 'number' ? String(value) : typeof value, pointer);
  if (depth >= DEEPEST) throw refuse('an object within itself', pointer);
  if (Array.isArray(value)) return Array.from(value, (item, index) => plain(item, `${pointer}/${index}`, depth + 1, refuse));
  if (!isPlain(value)) throw refuse('an object of a class', pointer);
  const copy: Record<string, unknown> = Object.create(null);
  for (const [name, field] of Object.entries(value)) {
    copy[name] = plain(field, `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`, depth + 1, refuse);
  }
  return copy;
}

/** Also if it comes from another realm, as in the sandboxes of test runners. */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || (Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'isPrototypeOf'));
}
