"""The rules that the model can leave out, and the plants: which rule each of them breaks."""


class Rules:
    """Every rule holds, but for that which the plant breaks."""

    def __init__(self, plant=None):
        for name, _ in PLANTS.values():
            setattr(self, name, True)
        self.plant = plant
        if plant is not None:
            setattr(self, PLANTS[plant][0], False)


PLANTS = {
    # plant: (the rule that it breaks, what it leaves out)
    "nodrawrep": ("draw_at_new_replid", "no new lineage where the server's replication id is new"),
    "nodrawstart": ("draw_at_start", "no new lineage at a process' first open"),
    "nodrawback": ("draw_when_back", "no new lineage where Redis contradicts what the process remembers"),
    "nolineage": ("fence_lineage", "a writer's lineage is not compared"),
    "noleast": ("fence_change", "a writer's least change is not compared"),
    "notakefence": ("fence_take", "taking references is not fenced"),
    "nojump": ("jump_at_drawing", "a drawing does not raise the number of changes"),
    "noconfirm": ("confirm_server", "a worker writes on any connection, whatever server its keeper speaks to"),
    "nosweeprep": ("sweep_compares_replid", "a sweep ignores the server's replication id"),
    "nowithdraw": ("withdraw_at_once", "workers write on until the keeper has opened the pool anew"),
    "nomarks": ("keep_marks", "no marks are kept"),
    "basecopy": ("join_by_marks", "a copy of the bytes at the beginning of the lineage instead of marks: three-way join by value"),
    "nosame": ("mark_same_values", "a status that was so already is not marked"),
    "notokenmarks": ("marks_in_tokens", "what a process remembers has no marks"),
    "nofinal": ("finals_win", "final statuses do not win a join"),
    "halfjoined": ("pieces_are_hidden", "a long list is joined piece by piece where it stands"),
    "endblind": ("end_compares", "the end of a join in pieces does not look at what the list has become meanwhile"),
    "forgotten": ("end_takes_marked", "what was set during a join in pieces is not taken at its end"),
    "oldpieces": ("pieces_of_one_lineage", "pieces of a join that were made under an earlier lineage are used"),
    "endfinals": ("end_keeps_finals", "what was set during a join in pieces wins over a final status"),
    "endlate": ("end_needs_marks", "what was set during a join in pieces is taken from marks that may have expired"),
    "count": ("join_compares_lines", "no join: the higher version replaces the other"),
    "nocover": ("load_covers", "a load is not compared with what is shown"),
    "nolate": ("know_too_late", "a join goes on although the marks that it needs have expired"),
    "orderk": ("order_by_time", "lineages are ordered by their depth, not by time"),
    "noowner": ("owners", "any process takes from any list"),
    "nohigh": ("positions", "Redis' cursor alone says what was handed out"),
    "noheir": ("file_is_consumed", "the hand-over file is not consumed"),
    "disk": ("file_is_volatile", "the hand-over file lies in a directory that can be put back"),
    "foldnaive": ("keep_folded", "an unwritten lineage is dropped, and its id is not kept"),
    "foldany": ("only_folded_stand_back", "a process that saw no write in its lineage stands at the parent's end, folded or not"),
    "cutblind": ("know_cut", "what fell out of a line does not count as too late"),
    "latefree": ("remember_after_late", "after a join that was too late nothing is remembered"),
}
