import { type Html, html } from './html.ts';
import type { StatusQuery } from './query.ts';

/** The form above a long table. What the other table shows stays, by hidden fields. */
export function searchForm(table: 'connectors' | 'gateways', query: StatusQuery): Html {
  return table === 'connectors' ? connectorForm(query) : gatewayForm(query);
}

const choices = [
  ['all', 'All'],
  ['online', 'Online'],
  ['offline', 'Offline'],
] as const;

function connectorForm({ connector, only, gateway }: StatusQuery): Html {
  const options = choices.map(([value, text]) =>
    value === only
      ? html`<option value="${value}" selected>${text}</option>`
      : html`<option value="${value}">${text}</option>`,
  );
  return html`<form action="/status#connectors" role="search" aria-label="Connectors">
<label>Name, or what it serves <input type="search" name="connector" value="${connector}"></label>
<label>State <select name="only">${options}</select></label>
${hidden('gateway', gateway)}<button>Find connectors</button>
</form>`;
}

function gatewayForm({ connector, only, gateway }: StatusQuery): Html {
  return html`<form action="/status#gateways" role="search" aria-label="Gateways">
<label>Namespace or name <input type="search" name="gateway" value="${gateway}"></label>
${hidden('connector', connector)}${hidden('only', only === 'all' ? '' : only)}<button>Find Gateways</button>
</form>`;
}

function hidden(name: string, value: string): Html {
  return value === '' ? html`` : html`<input type="hidden" name="${name}" value="${value}">`;
}
