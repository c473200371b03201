import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import { type DataSourceRef, VisibilityMode } from '@grafana/grafana-foundation-sdk/common';
import {
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DatasourceVariableBuilder,
  MappingType,
  type Panel,
  QueryVariableBuilder,
  RowBuilder,
  type ValueMapping,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StateBuilder } from '@grafana/grafana-foundation-sdk/statetimeline';
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as LinesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import { dashboardRows, type PanelPlan } from './dashboard-panels.ts';

/** Of Grafana's 24 columns, three panels in a line. */
const span = 8;
const height = 8;

const prometheus: DataSourceRef = { type: 'prometheus', uid: '$datasource' };

const readyOrNot: ValueMapping[] = [
  {
    type: MappingType.ValueToText,
    options: {
      0: { text: 'not ready', color: 'red', index: 0 },
      1: { text: 'ready', color: 'green', index: 1 },
    },
  },
];

/** The dashboard, by the types that Grafana publishes. */
export function buildDashboard(): Dashboard {
  const dashboard = new DashboardBuilder('Offramp')
    .uid('offramp')
    .description('What Offramp does to Envoy Gateway’s snapshots, and whether it is well.')
    .tags(['offramp', 'envoy-gateway'])
    .time({ from: 'now-6h', to: 'now' })
    .refresh('1m')
    .timezone('browser')
    .tooltip(DashboardCursorSync.Crosshair)
    .withVariable(
      new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'),
    )
    .withVariable(jobVariable());
  let id = 0;
  for (const { title, panels } of dashboardRows) {
    dashboard.withRow(new RowBuilder(title).id(++id));
    for (const plan of panels) dashboard.withPanel(panelOf(plan, ++id));
  }
  return dashboard.build();
}

/** Which Offramps: a Deployment, a sidecar, or all. */
function jobVariable(): QueryVariableBuilder {
  return new QueryVariableBuilder('job')
    .label('Job')
    .datasource(prometheus)
    .query({ query: 'label_values(offramp_ready, job)', refId: 'jobs' })
    .definition('label_values(offramp_ready, job)')
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .allValue('.+')
    .current({ selected: true, text: ['All'], value: ['$__all'] });
}

function panelOf(plan: PanelPlan, id: number): Builder<Panel> {
  const panel = emptyPanel(plan).id(id).title(plan.title).description(plan.meaning);
  panel.datasource(prometheus).unit(plan.unit).span(span).height(height);
  plan.queries.forEach(({ expr, legend }, index) => {
    const query = new DataqueryBuilder()
      .refId(String.fromCharCode(65 + index))
      .datasource(prometheus)
      .expr(expr)
      .legendFormat(legend);
    if (plan.shape === 'table') query.instant().format(PromQueryFormat.Table);
    else query.range();
    panel.withTarget(query);
  });
  return panel;
}

function emptyPanel({ shape }: PanelPlan): LinesBuilder | StateBuilder | TableBuilder {
  switch (shape) {
    case 'lines':
      return new LinesBuilder().min(0).showPoints(VisibilityMode.Auto).fillOpacity(10);
    case 'state':
      return new StateBuilder().mappings(readyOrNot);
    case 'table':
      return new TableBuilder().noValue('none').withTransformation({
        id: 'organize',
        options: { excludeByName: { Time: true, Value: true } },
      });
    default:
      return shape satisfies never;
  }
}
