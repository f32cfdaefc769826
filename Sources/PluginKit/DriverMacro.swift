/// Makes a shared library a driver: exports `berth_driver_entry` and puts the ELF note beside it, both from the same words,
/// so that they cannot disagree. Once, at the top of a file:
///
///     #berthDriver(Shelf.self, id: "shelf", version: "1.0")
///
/// `id` is `[a-z0-9][a-z0-9.-]*`, at most 63 bytes; `version` at most 31. Both must be plain string literals: the note
/// is read from the file without running a line of it.
@freestanding(declaration, names: named(berth_driver_entry), named(berth_driver_note))
public macro berthDriver(_ driver: any Driver.Type, id: StaticString, version: StaticString) =
    #externalMacro(module: "PluginKitMacros", type: "DriverMacro")
