import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import lua from '../../../src/rewrites/control-plane-fallback/generated/lua.json' with {
  type: 'json',
};
import { runLua } from '../../support/run-lua.ts';

const chunk = runLua(`${lua['json-code']}\nfunction code_of(body) return json_code(body) end`, [
  'code_of',
]);

function codeOf(body: string | Uint8Array): string | null {
  return chunk.call('code_of', Buffer.from(body));
}

/** What a client that calls JSON.parse finds. */
function parsedCode(body: string): string | null {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
    const code = Object.getOwnPropertyDescriptor(value, 'code')?.value;
    return typeof code === 'string' ? code : null;
  } catch {
    return null;
  }
}

const gone: Readonly<Record<string, string>> = {
  plain: '{"code":"browser_gone"}',
  'with white space': ' \t\r\n{ "code" \n:\t"browser_gone"\r}\n ',
  'among others': '{"a":[1,{"b":null}],"code":"browser_gone","z":{"code":"other"}}',
  'with an escaped letter': '{"code":"\\u0062rowser_gone"}',
  'with escapes in capital letters': '{"code":"browser\\u005Fgone"}',
  'with an escaped name': '{"\\u0063ode":"browser_gone"}',
  'the last of several': '{"code":"other","code":"browser_gone"}',
  'beside every kind of number':
    '{"n":[0,-0,1.5,-1e9,1E+2,0.1e-7,123456789012345678901],"code":"browser_gone"}',
  'beside every escape':
    '{"s":"\\"\\\\\\/\\b\\f\\n\\r\\t\\uD83D\\ude00\\ud800","code":"browser_gone"}',
  'beside characters of all lengths': '{"é€😀":"\u007f","code":"browser_gone"}',
  'beside empty things': '{"":"","a":{},"b":[],"c":[ ],"code":"browser_gone"}',
  'beside literals': '{"t":true,"f":false,"n":null,"code":"browser_gone"}',
  'with depth': `{"a":${'['.repeat(90)}${']'.repeat(90)},"code":"browser_gone"}`,
};

const notGone: Readonly<Record<string, string>> = {
  'another code': '{"code":"not_found"}',
  'a longer code': '{"code":"browser_gone "}',
  'a code in capitals': '{"code":"BROWSER_GONE"}',
  'a name in capitals': '{"Code":"browser_gone"}',
  'a code that is a number': '{"code":404}',
  'a code that is a list': '{"code":["browser_gone"]}',
  'a code that is an object': '{"code":{"code":"browser_gone"}}',
  'a code that is null': '{"code":null}',
  'a nested code': '{"error":{"code":"browser_gone"}}',
  'a code in a list': '[{"code":"browser_gone"}]',
  'a code in a string': '{"message":"{\\"code\\":\\"browser_gone\\"}"}',
  'the first of several': '{"code":"browser_gone","code":"other"}',
  'the first of several, then a number': '{"code":"browser_gone","code":1}',
  'a string': '"browser_gone"',
  'a number': '404',
  'a literal': 'null',
  'an empty object': '{}',
  'a null character at its end': '{"code":"browser_gone\\u0000"}',
  'a letter that looks alike': '{"code":"br\\u043ewser_gone"}',
};

/** Each holds the code in a place where a lenient reader would find it. */
const invalid: Readonly<Record<string, string | Uint8Array>> = {
  nothing: '',
  'white space': ' \n',
  'a byte order mark': '\ufeff{"code":"browser_gone"}',
  'an unfinished object': '{"code":"browser_gone"',
  'an unfinished string': '{"code":"browser_gone',
  'an unfinished escape': '{"code":"browser_gone\\',
  'an unfinished member': '{"code":"browser_gone","a"',
  'an unfinished list': '{"code":"browser_gone","a":[1,',
  'a comma before the end': '{"code":"browser_gone",}',
  'a comma before the first': '{,"code":"browser_gone"}',
  'two commas': '{"a":1,,"code":"browser_gone"}',
  'no comma': '{"a":1 "code":"browser_gone"}',
  'no colon': '{"code" "browser_gone"}',
  'two colons': '{"code"::"browser_gone"}',
  'text behind it': '{"code":"browser_gone"}x',
  'a second object': '{"code":"browser_gone"}{}',
  'a comma behind it': '{"code":"browser_gone"},',
  'a null byte behind it': '{"code":"browser_gone"}\0',
  'single quotes': "{'code':'browser_gone'}",
  'a name without quotes': '{code:"browser_gone"}',
  'a comment': '{/**/"code":"browser_gone"}',
  'a number as a name': '{1:1,"code":"browser_gone"}',
  'the wrong bracket': '{"code":"browser_gone"]',
  'a list with the wrong end': '{"a":[1},"code":"browser_gone"}',
  'a leading zero': '{"a":01,"code":"browser_gone"}',
  'a leading plus': '{"a":+1,"code":"browser_gone"}',
  'a minus alone': '{"a":-,"code":"browser_gone"}',
  'a point at the start': '{"a":.5,"code":"browser_gone"}',
  'a point at the end': '{"a":1.,"code":"browser_gone"}',
  'an exponent without digits': '{"a":1e,"code":"browser_gone"}',
  'a hexadecimal number': '{"a":0x1,"code":"browser_gone"}',
  infinity: '{"a":Infinity,"code":"browser_gone"}',
  'not a number': '{"a":NaN,"code":"browser_gone"}',
  'a literal in capitals': '{"a":True,"code":"browser_gone"}',
  'a literal that goes on': '{"a":nullx,"code":"browser_gone"}',
  'an unknown escape': '{"a":"\\x","code":"browser_gone"}',
  'an escape with too few digits': '{"a":"\\u12","code":"browser_gone"}',
  'an escape with other letters': '{"a":"\\u12G4","code":"browser_gone"}',
  'a raw newline in a string': '{"a":"\n","code":"browser_gone"}',
  'a raw null in a string': '{"a":"\0","code":"browser_gone"}',
  'a form feed as white space': '{\f"code":"browser_gone"}',
  'a no-break space as white space': '{\u00a0"code":"browser_gone"}',
};

const notUtf8: Readonly<Record<string, readonly number[]>> = {
  'a continuation byte alone': [0x80],
  'a start byte alone': [0xc3],
  'an overlong character': [0xc0, 0xaf],
  'an overlong character of three bytes': [0xe0, 0x80, 0xaf],
  'a surrogate': [0xed, 0xa0, 0x80],
  'a character beyond the last': [0xf4, 0x90, 0x80, 0x80],
  'a cut-off character': [0xe2, 0x82],
  'a byte that never occurs': [0xff],
};

describe('the code of a JSON body', () => {
  it.each(Object.entries(gone))('is found %s', (_, body) => {
    expect(parsedCode(body)).toBe('browser_gone');
    expect(codeOf(body)).toBe('browser_gone');
  });

  it.each(Object.entries(notGone))('is not %s', (_, body) => {
    expect(() => JSON.parse(body)).not.toThrow();
    expect(codeOf(body)).not.toBe('browser_gone');
  });

  it.each(Object.entries(invalid))('is not taken from what is no JSON: %s', (_, body) => {
    expect(() => JSON.parse(Buffer.from(body).toString('latin1'))).toThrow();
    expect(codeOf(body)).toBeNull();
  });

  it.each(Object.entries(notUtf8))('is not taken from what is no UTF-8: %s', (_, bytes) => {
    const [before, behind] = ['{"code":"browser_gone","a":"', '"}'];
    const body = Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(behind)]);
    expect(codeOf(body)).toBeNull();
  });

  it('is not looked for below a hundred levels', () => {
    const deep = `{"a":${'['.repeat(101)}${']'.repeat(101)},"code":"browser_gone"}`;
    expect(codeOf(deep)).toBeNull();
    expect(codeOf(`{"code":"browser_gone","a":${'['.repeat(100_000)}`)).toBeNull();
  });

  it('is not found in any beginning of a body', () => {
    for (const body of Object.values(gone)) {
      const bytes = Buffer.from(body.trim());
      for (let length = 0; length < bytes.length; length += 1) {
        expect(codeOf(bytes.subarray(0, length))).toBeNull();
      }
    }
  });

  it('is what JSON.parse finds, in any document', () => {
    const member = fc.tuple(
      fc.constantFrom('code', 'c', '\u00e9'),
      fc.oneof(fc.constantFrom('browser_gone', 'x'), fc.jsonValue({ maxDepth: 3 })),
    );
    const document = fc.array(member).map((members) => {
      const texts = members.map(
        ([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`,
      );
      return `{${texts.join(',')}}`;
    });
    fc.assert(
      fc.property(document, (body) => {
        expect(goneIn(codeOf(body))).toBe(goneIn(parsedCode(body)));
      }),
    );
  });

  it('is what JSON.parse finds, in any document with a damage', () => {
    const damage = fc.record({
      body: fc.constantFrom(...Object.values(gone)),
      at: fc.nat(60),
      dropped: fc.nat(2),
      put: fc.constantFrom(
        '',
        '"',
        '\\',
        '{',
        '}',
        '[',
        ']',
        ',',
        ':',
        '0',
        '-',
        '.',
        'e',
        'u',
        ' ',
      ),
    });
    fc.assert(
      fc.property(damage, ({ body, at, dropped, put }) => {
        const damaged = body.slice(0, at) + put + body.slice(at + dropped);
        fc.pre(Buffer.from(damaged).toString() === damaged); // not half a character
        expect(goneIn(codeOf(damaged))).toBe(goneIn(parsedCode(damaged)));
      }),
      { numRuns: 2_000 },
    );
  });
});

function goneIn(code: string | null): boolean {
  return code === 'browser_gone';
}
