// An object that only has the members written down: reading another one is an error, not `undefined`.
export function strict(what, members) {
  return new Proxy(members, {
    get(target, name) {
      if (typeof name === 'symbol' || Object.hasOwn(target, name)) return target[name];
      throw new Error(`the stand-in does not know ${what}.${name}`);
    },
  });
}

export function onlyKnown(what, given, known) {
  for (const name of Object.keys(given)) {
    if (!known.includes(name)) throw new Error(`the stand-in does not know ${what}.${name}`);
  }
}
