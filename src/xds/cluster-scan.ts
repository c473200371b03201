import { edsType } from './cluster.ts';
import { type FieldReader, spareReader, wireTypes } from './field-reader.ts';
import { fields } from './fields.ts';
import { MalformedMessageError } from './malformed.ts';
import { hashName } from './name-hash.ts';
import { expectLengthDelimited } from './wire-type.ts';

const { Cluster } = fields;

/** Looks at clusters’ outermost fields, one cluster after the other, without a view or a string. */
export class ClusterScanner {
  /** `hashName` of the name of the last cluster. */
  name = 0;
  /** Where its name is in it. */
  nameFrom = 0;
  nameTo = 0;
  /** Whether it has its endpoints from EDS, and lists none itself. */
  isEds = false;

  readonly #reader = spareReader();

  /** False when the cluster cannot be read. */
  scan(cluster: Uint8Array): boolean {
    try {
      this.#read(this.#reader.over(cluster, 0, cluster.length));
      return true;
    } catch (error) {
      if (!(error instanceof MalformedMessageError)) throw error;
      return false;
    }
  }

  #read(reader: FieldReader): void {
    let from = 0;
    let to = 0;
    let isEds = false;
    let isCustom = false;
    while (reader.next()) {
      if (reader.number === Cluster.name.number) {
        expectLengthDelimited(reader, Cluster.name);
        from = reader.valueStart;
        to = reader.end;
      } else if (reader.number === Cluster.type.number) {
        isEds = reader.wireType === wireTypes.varint && reader.varint() === edsType;
      } else if (reader.number === Cluster.cluster_type.number) isCustom = true;
    }
    this.name = hashName(reader.message, from, to);
    this.nameFrom = from;
    this.nameTo = to;
    this.isEds = isEds && !isCustom;
  }
}
