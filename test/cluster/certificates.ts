/** A certificate authority for client certificates, and a kubelet's signing request: P-256, as PEM. */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

const SEQUENCE = 0x30;
const SET = 0x31;
const OID = 0x06;
const UTF8 = 0x0c;

function der(tag: number, ...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const short = body.length < 0x80;
  const size = short
    ? [body.length]
    : body.length < 0x100
      ? [0x81, body.length]
      : [0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), body]);
}
const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const attribute = (id: string, value: string): Buffer =>
  der(SET, der(SEQUENCE, der(OID, hex(id)), der(UTF8, Buffer.from(value))));
const commonName = (value: string): Buffer => attribute('550403', value);
const organization = (value: string): Buffer => attribute('55040a', value);
const ecdsaWithSha256 = der(SEQUENCE, der(OID, hex('2a8648ce3d040302')));

function signed(title: string, body: Buffer, key: KeyObject): string {
  const signature = der(0x03, Buffer.from([0]), sign('sha256', body, key));
  const lines = der(SEQUENCE, body, ecdsaWithSha256, signature)
    .toString('base64')
    .replace(/(.{64})/g, '$1\n')
    .trimEnd();
  return `-----BEGIN ${title}-----\n${lines}\n-----END ${title}-----\n`;
}
const pem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();

/** A self-signed authority, valid from 2020 to 2049. */
export function certificateAuthority(name: string): { readonly certificate: string; readonly key: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const extension = (id: string, value: Buffer): Buffer =>
    der(SEQUENCE, der(OID, hex(id)), hex('0101ff'), der(0x04, value));
  const body = der(
    SEQUENCE,
    der(0xa0, hex('020102')),
    der(0x02, hex('01'), randomBytes(15)),
    ecdsaWithSha256,
    der(SEQUENCE, commonName(name)),
    der(SEQUENCE, der(0x17, Buffer.from('200101000000Z')), der(0x17, Buffer.from('491231235959Z'))),
    der(SEQUENCE, commonName(name)),
    publicKey.export({ type: 'spki', format: 'der' }),
    // an authority, for signing certificates
    der(0xa3, der(SEQUENCE, extension('551d13', der(SEQUENCE, hex('0101ff'))), extension('551d0f', hex('03020204')))),
  );
  return { certificate: signed('CERTIFICATE', body, privateKey), key: pem(privateKey) };
}

/** What the kubelet of this node asks to have signed. */
export function kubeletRequest(nodeName: string): { readonly request: string; readonly key: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const body = der(
    SEQUENCE,
    der(0x02, hex('00')),
    der(SEQUENCE, organization('system:nodes'), commonName(`system:node:${nodeName}`)),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa0),
  );
  return { request: signed('CERTIFICATE REQUEST', body, privateKey), key: pem(privateKey) };
}
