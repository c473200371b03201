import { edsType } from './cluster.ts';
import { tagOf } from './encoding.ts';
import { type FieldReader, spareReader, wireTypes } from './field-reader.ts';
import { fields } from './fields.ts';
import { MalformedMessageError } from './malformed.ts';
import { hashName, hashWords } from './name-hash.ts';
import { expectLengthDelimited } from './wire-type.ts';
import { bytesBehind, nowhere, numbers, pass, valueEndOf, valueStartOf, wordAt } from './words.ts';

const { Cluster } = fields;

const nameTag = tagOf(Cluster.name);
/** That of a varint. */
const typeTag = Cluster.type.number * 8;
/** What is not passed over, as it has one of these tags or tells something. */
const told = numbers(Cluster.name.number, Cluster.type.number, Cluster.cluster_type.number);

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

  /**
   * Scans by words a cluster that lies `from` one offset `to` another. False says that it looks otherwise
   * than nearly all do, malformed perhaps, and nothing else about it.
   */
  scanUsual(words: DataView, from: number, to: number): boolean {
    if (to + bytesBehind > words.byteLength) return false;
    let nameFrom = from;
    let nameTo = from;
    let isEds = false;
    let at = from;
    while (at < to) {
      const head = wordAt(words, at);
      const tag = head & 0xff;
      if (tag === nameTag) {
        nameFrom = valueStartOf(head, at);
        nameTo = valueEndOf(head, at);
        at = nameTo;
      } else if (tag === typeTag) {
        isEds = ((head >>> 8) & 0xff) === edsType;
        at = (head & 0x8000) === 0 ? at + 2 : nowhere;
      } else at = pass(words, at, to, told);
    }
    if (at !== to) return false;
    this.name = hashWords(words, nameFrom, nameTo);
    this.nameFrom = nameFrom - from;
    this.nameTo = nameTo - from;
    this.isEds = isEds;
    return true;
  }

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
