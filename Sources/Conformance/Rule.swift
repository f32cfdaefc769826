/// One rule of the plugin ABI: what a driver must do, what happens otherwise, and who sees to it. `docs/abi.md` shows them;
/// findings name them.
public struct Rule: Sendable, Hashable {
    /// Who notices a breach.
    public enum Keeper: String, Sendable {
        /// The host checks it each time.
        case host
        /// Only `berth plugins check` looks.
        case check
        /// Nobody can: an author's promise.
        case author
    }

    public var number: Int
    public var text: String
    public var otherwise: String
    public var keeper: Keeper

    init(_ number: Int, _ text: String, otherwise: String, _ keeper: Keeper) {
        self.number = number
        self.text = text
        self.otherwise = otherwise
        self.keeper = keeper
    }
}

extension Rule {
    /// The rule of a number. Numbers never change their meaning; a rule that goes leaves its number free.
    static func number(_ number: Int) -> Rule? { all.first { $0.number == number } }

    public static let all: [Rule] = file + entry + handles + calls + documents + machines + events + time + conduct

    private static let file = [
        Rule(
            1, "The file is a 64-bit ELF shared library for the host's machine.",
            otherwise: "The plugin is `not-a-driver` or `incompatible` and never loaded.", .host),
        Rule(
            2, "Section `.note.berth` names the ABI, its major, minor and hash, and the driver's id and version.",
            otherwise: "The plugin is `not-a-driver` or `incompatible` and never loaded.", .host),
        Rule(
            3, "It exports `berth_driver_entry` and, if any, the symbols of its declared extra calls, and nothing else.",
            otherwise: "Two libraries may take each other's functions.", .check),
        Rule(4, "It has no text relocations.", otherwise: "Hardened systems do not load it, and workers share less memory.", .check),
        Rule(5, "It does not ask for an executable stack.", otherwise: "Every thread of the worker gets one, or loading fails.", .check),
        Rule(
            6, "It loads with `RTLD_NOW`: every symbol and library it needs is there.",
            otherwise: "The plugin is `refused` with the loader's words.", .host),
        Rule(
            7, "The header it was built with has the hash of the host's `[abi compute/1]`.",
            otherwise: "Functions would be called with other arguments than they expect; the plugin is `incompatible`.", .host),
    ]

    private static let entry = [
        Rule(
            10, "`berth_driver_entry` is quick and neither opens descriptors nor starts threads.",
            otherwise: "Starting the worker is slow, and what it opened is never closed.", .check),
        Rule(11, "It answers the same static descriptor each time.", otherwise: "The host may read memory that is gone.", .check),
        Rule(12, "It answers NULL to a host of another major.", otherwise: "A host of that major would misread its structs.", .check),
        Rule(
            13, "`size` of descriptor and table cover what the minor has; bytes beyond what the host knows are zero.",
            otherwise: "The plugin is `refused`.", .host),
        Rule(14, "Id and version in descriptor and note agree.", otherwise: "The plugin is `refused`.", .host),
        Rule(15, "All strings are there and UTF-8.", otherwise: "The plugin is `refused`.", .host),
        Rule(
            16, "Capabilities are words of the core (`create`, `catalog`, `events`, `reentrant`, the core verbs) or `vendor.verb`.",
            otherwise: "The host never calls what it does not know.", .check),
        Rule(
            17, "`config_schema` is a JSON Schema of an object, in the keywords of `docs/schema`.",
            otherwise: "The plugin is `refused`: its settings could not be checked.", .host),
        Rule(18, "All nine slots of the table are filled.", otherwise: "The plugin is `refused`.", .host),
    ]

    private static let handles = [
        Rule(20, "`open` stores a handle exactly when it answers OK.", otherwise: "The call counts as BROKEN.", .host),
        Rule(
            21, "`close` releases all that `open` and the calls took: descriptors, threads, memory.",
            otherwise: "The worker grows with every reload and is killed at its limit.", .check),
        Rule(
            22, "`open` answers INVALID, DENIED, NOT_FOUND or UNREACHABLE to settings that lead nowhere, and says which.",
            otherwise: "An operator cannot tell a typing error from a broken driver.", .check),
        Rule(23, "No event and no log line comes after `close` has returned.", otherwise: "The worker may crash.", .host),
    ]

    private static let calls = [
        Rule(30, "Statuses are those of the ABI.", otherwise: "The status counts as BROKEN.", .host),
        Rule(
            31, "A call that fails says why with `fail`, in UTF-8, and returns the status that it said.",
            otherwise: "The operator reads \"the driver gives no reason\".", .check),
        Rule(
            32, "`berth_call_t` is not touched after its call has returned.",
            otherwise: "The host's memory may be another call's by then: the worker crashes or an answer is damaged.", .author),
        Rule(33, "`write` is called on the thread of the call.", otherwise: "Documents may be torn.", .check),
        Rule(
            34, "When `write` answers false the call returns at once.", otherwise: "Work for nothing, until the deadline kills it.", .check),
        Rule(35, "A result document has at most 64 MiB.", otherwise: "The call counts as BROKEN.", .host),
        Rule(36, "A driver that lists `reentrant` takes several calls at a time on one handle.", otherwise: "Its worker crashes.", .check),
    ]

    private static let documents = [
        Rule(
            40, "A capacity document fits `capacity.json`; node ids are unique.",
            otherwise: "The provider has no nodes: nothing is placed there.", .host),
        Rule(41, "A catalog document fits `catalog.json`.", otherwise: "Its images cannot be used.", .host),
        Rule(
            42, "`list` writes JSON Lines, each fits `machine.json`; ids and keys are unique.",
            otherwise: "A line that does not fit is skipped, and the machine in it is not seen.", .host),
        Rule(43, "`inspect` answers the machine that was asked for, like `list`.", otherwise: "A lease follows the wrong machine.", .check),
        Rule(44, "Text is UTF-8.", otherwise: "The document cannot be read.", .host),
    ]

    private static let machines = [
        Rule(50, "An unknown id is NOT_FOUND, whatever is in it.", otherwise: "A machine that is gone seems alive for ever.", .check),
        Rule(51, "A verb that the driver does not list is UNSUPPORTED.", otherwise: "The host believes that it was done.", .check),
        Rule(
            52, "`create` with a key that already made a machine answers that machine, also after a crash in between.",
            otherwise: "Two machines run where one was wanted, and both are paid for.", .check),
        Rule(
            53, "The key is stored with the machine and comes back in `list` and `inspect`.",
            otherwise: "After a restart the host does not know its own machines.", .check),
        Rule(
            54, "INVALID, UNSUPPORTED, CONFLICT, DENIED and EXHAUSTED from `create` promise that nothing exists or will appear.",
            otherwise: "The host places the machine elsewhere, and there are two.", .check),
        Rule(55, "A listed verb leads to its state.", otherwise: "The lease fails when its time is up.", .check),
        Rule(
            56, "A destroyed machine goes: `list` lacks it and `inspect` is NOT_FOUND, or both say `gone`.",
            otherwise: "Its place is never free again.", .check),
    ]

    private static let events = [
        Rule(
            60, "An event's document fits its kind, and its subject is the machine's id.",
            otherwise: "The event is dropped and the host lists again.", .host),
        Rule(
            61, "A driver that lists `events` tells of a new machine within seconds.", otherwise: "The host learns of it at the next poll.",
            .check),
        Rule(62, "A driver goes on when `emit` answers false.", otherwise: "A busy host loses its driver.", .check),
    ]

    private static let time = [
        Rule(70, "A call ends by its deadline.", otherwise: "Past it and a grace of two seconds the worker is killed.", .host),
        Rule(
            71, "A call ends soon after `cancelled` says true.", otherwise: "The provider's thread is busy with what nobody wants.", .check),
        Rule(72, "`close` ends within seconds.", otherwise: "The worker is killed.", .host),
    ]

    private static let conduct = [
        Rule(
            80, "A driver does not crash, whatever it is asked.",
            otherwise: "The worker starts again; after five in a minute the provider is quarantined.", .host),
        Rule(81, "It does not end the process (`exit`, `abort`).", otherwise: "As a crash.", .host),
        Rule(82, "It closes only descriptors that it opened.", otherwise: "The worker loses its host and ends.", .check),
        Rule(
            83, "Its descriptors are close-on-exec.", otherwise: "Its children keep files and sockets open after the worker's end.", .check),
        Rule(
            84, "It leaves signal handlers, working directory and umask as they are.", otherwise: "Other code of the worker is surprised.",
            .check),
        Rule(
            85, "It logs with `log` and prints nothing.",
            otherwise: "What it prints becomes log lines without a level, and only the last ones are kept.", .check),
        Rule(
            86, "Children that it starts are told to live without it, or end with `close`.", otherwise: "They stay when the worker goes.",
            .check),
    ]
}
