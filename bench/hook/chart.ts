import type { Row } from './table.ts';
import { answerOf, type Target } from './targets.ts';

const width = 980;
const rowHeight = 20;
const left = 330;
const right = 90;

/**
 * Bars of the medians over TCP, one group for each size of fleet, on a logarithmic scale; under them the
 * targets, with what was measured.
 */
export function drawChart(rows: readonly Row[], targets: readonly Target[] = []): string {
  const shown = rows.filter(({ transport }) => transport === 'tcp');
  const sizes = [...new Set(shown.map(({ gateways }) => gateways))];
  const times = shown.map(({ median }) => Math.max(median, 0.1));
  const from = Math.log10(Math.min(...times)) - 0.1;
  const scale = (width - left - right) / (Math.log10(Math.max(...times)) - from);
  const lines: string[] = [];
  let y = 44;
  for (const size of sizes) {
    lines.push(text(12, y + 14, `${size} gateways`, 'bold'));
    for (const { contender, median } of shown.filter(({ gateways }) => gateways === size)) {
      const length = (Math.log10(Math.max(median, 0.1)) - from) * scale;
      lines.push(
        text(120, y + 14, contender),
        `<rect x="${left}" y="${y + 3}" width="${length.toFixed(1)}" height="14" fill="${colourOf(contender)}"/>`,
        text(left + length + 6, y + 14, `${median.toFixed(1)} ms`),
      );
      y += rowHeight;
    }
    y += rowHeight / 2;
  }
  for (const { target, measured, met } of targets) {
    lines.push(text(12, y + 14, target), text(left, y + 14, measured));
    lines.push(text(width - 90, y + 14, answerOf(met), 'bold'));
    y += rowHeight;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${y}" viewBox="0 0 ${width} ${y}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${y}" fill="#fff"/>`,
    text(12, 24, 'One hook call, milliseconds (median, loopback TCP, logarithmic)', 'bold'),
    ...lines,
    '</svg>\n',
  ].join('\n');
}

function colourOf(contender: string): string {
  if (contender.startsWith('offramp')) return '#1a73e8';
  return contender.includes('echo') ? '#9aa0a6' : '#e8710a';
}

function text(x: number, y: number, words: string, weight = 'normal'): string {
  return `<text x="${x.toFixed(1)}" y="${y}" font-weight="${weight}" fill="#202124">${words}</text>`;
}
