// import encoding from 'k6/encoding': b64decode of base64url without padding.
import { strict } from './strict.mjs';

function b64decode(text, alphabet, format) {
  if (alphabet !== 'rawurl') throw new Error(`the stand-in does not know the alphabet '${alphabet}'`);
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) throw new Error('this is not base64url without padding');
  const bytes = Buffer.from(text, 'base64url');
  if (format === 's') return bytes.toString();
  if (format !== undefined) throw new Error(`the stand-in does not know the format '${format}'`);
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
}

export default strict('encoding', { b64decode });
