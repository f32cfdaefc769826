/// Makes the ids of leases and the keys of machines for one ledger.
///
/// Both kinds grow with time, so that the ledger's indexes grow at their end and an insert costs the same at a million leases as at
/// a hundred; docs/decisions tells more. Two ids of one source never meet, also when the clock is set back: the source then goes on
/// counting from its last one. Randomness is the generator's: the system's (`getrandom(2)`) in a host, a seeded one in a simulation.
public struct IdentifierSource: Sendable {
    public let ledger: LedgerID
    private var random: any RandomNumberGenerator & Sendable
    private var lastLease = UUID128(high: 0, low: 0)
    private var lastMachine = Stamp()

    public init(ledger: LedgerID, random: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()) {
        self.ledger = ledger
        self.random = random
    }

    /// A UUID of version 7: milliseconds since 1970, then 74 random bits.
    public mutating func lease(at now: Instant) -> LeaseID {
        let time = UInt64(clamping: now.milliseconds) & 0xFFFF_FFFF_FFFF
        let low = (random.next() as UInt64) >> 2 | 1 << 63
        let next = UUID128(high: time << 16 | 7 << 12 | (random.next() as UInt64) & 0xFFF, low: low)
        lastLease = next > lastLease ? next : UUID128.after(lastLease)
        return LeaseID(uuid: lastLease)
    }

    /// A UUID of version 8: the ledger's 32 bits, 42 bits of milliseconds since 2020, and 48 random bits.
    public mutating func machine(at now: Instant) -> MachineID {
        let since2020 = UInt64(clamping: now.milliseconds - 1_577_836_800_000) & (1 << 42 - 1)
        let fresh = Stamp(time: since2020, random: (random.next() as UInt64) & (1 << 48 - 1))
        lastMachine = fresh > lastMachine ? fresh : lastMachine.next
        return MachineID(key: lastMachine.key(ledger))
    }

    /// The part of a machine's key that this source counts in: 42 bits of time over 48 random ones.
    private struct Stamp: Comparable, Sendable {
        var time: UInt64 = 0
        var random: UInt64 = 0

        static func < (left: Stamp, right: Stamp) -> Bool { (left.time, left.random) < (right.time, right.random) }

        var next: Stamp {
            random + 1 < 1 << 48 ? Stamp(time: time, random: random + 1) : Stamp(time: time + 1, random: 0)
        }

        func key(_ ledger: LedgerID) -> UUID128 {
            let high = UInt64(ledger.rawValue) << 32 | (time >> 26) << 16 | 8 << 12 | (time >> 14) & 0xFFF
            return UUID128(high: high, low: 1 << 63 | (time & 0x3FFF) << 48 | random)
        }
    }
}

extension UUID128 {
    /// The next larger UUID of the same version and variant.
    fileprivate static func after(_ uuid: UUID128) -> UUID128 {
        let low = uuid.low & (1 << 62 - 1)
        guard low == 1 << 62 - 1 else { return UUID128(high: uuid.high, low: uuid.low + 1) }
        let carried = (uuid.high & 0xFFF) == 0xFFF ? ((uuid.high >> 16) + 1) << 16 | uuid.high & 0xF000 : uuid.high + 1
        return UUID128(high: carried, low: 1 << 63)
    }
}
