/** A self-signed certificate for loopback, made at start: the simulated cluster's CA and its server certificate in one. */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';

const sequence = 0x30;
const set = 0x31;
const oid = 0x06;

function der(tag: number, ...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const length =
    body.length < 0x80
      ? Buffer.from([body.length])
      : body.length < 0x100
        ? Buffer.from([0x81, body.length])
        : Buffer.from([0x82, body.length >> 8, body.length & 0xff]);
  return Buffer.concat([Buffer.from([tag]), length, body]);
}
const hex = (text: string) => Buffer.from(text, 'hex');
const time = (text: string) => der(0x17, Buffer.from(text));
const extension = (id: string, critical: boolean, value: Buffer) =>
  der(sequence, der(oid, hex(id)), ...(critical ? [hex('0101ff')] : []), der(0x04, value));

/** A P-256 key and a certificate for 127.0.0.1 and localhost, valid from 2020 to 2049, both as PEM. */
export function selfSignedCertificate(): { certificate: string; key: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ecdsaWithSha256 = der(sequence, der(oid, hex('2a8648ce3d040302')));
  const name = der(sequence, der(set, der(sequence, der(oid, hex('550403')), der(0x0c, Buffer.from('burst-sandbox')))));
  const serial = Buffer.concat([Buffer.from([0x01]), randomBytes(15)]);
  const alternatives = der(sequence, der(0x82, Buffer.from('localhost')), der(0x87, Buffer.from([127, 0, 0, 1])));
  const extensions = der(
    sequence,
    extension('551d13', true, der(sequence, hex('0101ff'))),
    extension('551d0f', true, hex('030202a4')),
    extension('551d25', false, der(sequence, der(oid, hex('2b06010505070301')))),
    extension('551d11', false, alternatives),
  );
  const body = der(
    sequence,
    der(0xa0, hex('020102')),
    der(0x02, serial),
    ecdsaWithSha256,
    name,
    der(sequence, time('200101000000Z'), time('491231235959Z')),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, extensions),
  );
  const signature = sign('sha256', body, privateKey);
  const certificate = der(sequence, body, ecdsaWithSha256, der(0x03, Buffer.from([0]), signature));
  const lines = certificate
    .toString('base64')
    .replace(/(.{64})/g, '$1\n')
    .trimEnd();
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}
