/** A question to Envoy or Offramp, which curl can ask. */
export type Question =
  | { readonly kind: 'get'; readonly url: string; readonly host?: string }
  /** A GET through a tunnel that a CONNECT to `proxy` opens. */
  | { readonly kind: 'connect'; readonly proxy: string; readonly url: string }
  /** Many GETs, each on the same path but for its number; who answered how often. */
  | {
      readonly kind: 'count';
      readonly url: string;
      readonly host: string;
      readonly times: number;
    };

/** What came back: the text as curl shows it, and what can be compared. */
export interface Answer {
  readonly text: string;
  /** One for each response: a CONNECT that succeeds has a second one behind it. */
  readonly statuses: readonly number[];
  readonly body: string;
}

/** The line that asks it, to be pasted into a shell. */
export function curlLine(question: Question): string {
  switch (question.kind) {
    case 'get': {
      const { url, host } = question;
      return host === undefined ? `curl -sS '${url}'` : `curl -sSi -H 'Host: ${host}' ${url}`;
    }
    case 'connect':
      return `curl -sSi -p -x ${question.proxy} ${question.url}`;
    case 'count': {
      const { url, host, times } = question;
      return `curl -sS -H 'Host: ${host}' '${url}[1-${times}]' | sort | uniq -c`;
    }
    default:
      return question satisfies never;
  }
}

/** Parts what curl shows with -i into heads and body; without a head all of it is body. */
export function readAnswer(text: string): Answer {
  const statuses: number[] = [];
  let rest = text;
  for (let head = headOf(rest); head !== undefined; head = headOf(rest)) {
    statuses.push(head.status);
    rest = rest.slice(head.length);
  }
  return { text, statuses, body: rest.trim() };
}

function headOf(text: string): { readonly status: number; readonly length: number } | undefined {
  const match = /^HTTP\/[\d.]+ (\d{3}).*?\r?\n\r?\n/s.exec(text);
  return match === null ? undefined : { status: Number(match[1]), length: match[0].length };
}
