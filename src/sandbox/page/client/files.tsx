import { useContext, useEffect, useState } from 'react';
import type { PageFile } from '../../contract.ts';
import { csvRows } from './csv.ts';
import { Icon } from './icons.tsx';
import { ReaderContext } from './reader.ts';

/** Rows and lines that a preview shows. */
const PREVIEW = 6;
/** Larger texts are not fetched for a preview; bytes. */
const MOST = 200_000;

const size = (bytes: number): string => {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
};
const kindOf = ({ name, mimetype = '' }: PageFile): 'image' | 'csv' | 'text' | 'binary' => {
  if (mimetype.startsWith('image/')) return 'image';
  if (mimetype === 'text/csv' || /\.csv$/i.test(name)) return 'csv';
  return mimetype.startsWith('text/') || /\.(txt|log|jsonl?|ya?ml)$/i.test(name) ? 'text' : 'binary';
};

function TextPreview({ file, url, csv }: { file: PageFile; url: string; csv: boolean }) {
  const [text, setText] = useState<string>();
  useEffect(() => {
    if (file.size > MOST) return;
    const stop = new AbortController();
    fetch(url, { signal: stop.signal })
      .then((answer) => (answer.ok ? answer.text() : undefined))
      .then(setText, () => undefined);
    return () => stop.abort();
  }, [file.size, url]);
  if (text === undefined) return null;
  if (!csv)
    return (
      <pre className="file-text" tabIndex={0} aria-label={`Beginning of ${file.name}`}>
        {text.split('\n').slice(0, PREVIEW).join('\n')}
      </pre>
    );
  const [head = [], ...rows] = csvRows(text);
  const more = rows.length - PREVIEW;
  return (
    <div className="table" role="region" aria-label={`Beginning of ${file.name}`} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {head.map((cell, i) => (
              <th key={i} scope="col">
                {cell}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, PREVIEW).map((row, r) => (
            <tr key={r}>
              {row.map((cell, i) => (
                <td key={i} className="short">
                  {cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {more > 0 && <p className="muted small">{`${more} more ${more === 1 ? 'row' : 'rows'} in the file`}</p>}
    </div>
  );
}

/** Files of a message: pictures are shown, tables and texts begin to be, and each can be saved. */
export function Files({ files }: { files: PageFile[] }) {
  const { fileUrl } = useContext(ReaderContext);
  return (
    <ul className="files" aria-label="Files">
      {files.map((file) => {
        const kind = kindOf(file);
        const title = file.title || file.name;
        return (
          <li key={file.id} className="file">
            <div className="file-head">
              <span className="file-icon" aria-hidden="true">
                <Icon name={kind === 'image' ? 'picture' : 'file'} />
              </span>
              <span className="grow">
                <strong>{title}</strong>
                <span className="muted small file-about">
                  {title === file.name ? size(file.size) : `${file.name} · ${size(file.size)}`}
                </span>
              </span>
              <a className="button" href={fileUrl(file.id)} download={file.name}>
                <Icon name="download" /> Download<span className="hidden">{` ${file.name}`}</span>
              </a>
            </div>
            {kind === 'image' && <img className="file-picture" src={fileUrl(file.id)} alt={file.altText ?? title} />}
            {(kind === 'csv' || kind === 'text') && (
              <TextPreview file={file} url={fileUrl(file.id)} csv={kind === 'csv'} />
            )}
          </li>
        );
      })}
    </ul>
  );
}
