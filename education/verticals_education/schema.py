"""What the course task needs: who enrolled in what, when; and, if there is one, a catalogue of courses."""

from __future__ import annotations

from verticals_plugins import Category, Id, Number, Schema, Text, Time

LEARNER = Category(
    "learner",
    aliases=(
        "learner_id", "user", "user_id", "userid", "student", "student_id", "id_student", "username", "person",
        "participant", "member", "candidate", "matriculation_number", "matrikelnummer", "user_sourced_id",
        "userSourcedId", "account", "actor",
    ),
    help="who enrolled; stored as a pseudonym",
)  # fmt: skip
COURSE = Category(
    "course",
    aliases=(
        "course_id", "courseid", "course_code", "code_module", "module", "item", "item_id", "class_id", "course_name",
        "course_title", "subject", "unit", "classSourcedId", "course_key", "kurs", "cours", "curso", "corso",
        "product_id",
    ),
    help="what was enrolled in",
)  # fmt: skip
ENROLLED = Time(
    "time",
    required=True,
    aliases=(
        "timestamp", "date", "enrolled", "enrolled_at", "enrolment_date", "enrollment_date", "enrolment_time",
        "enrollment_time", "enroll_time", "enroll_date", "enrol_date", "enrol_time", "registered", "registration_date",
        "date_registration", "time_created", "timecreated", "created", "created_at", "start_date", "begin_date",
        "datum", "fecha", "data",
    ),
    help="when",
)  # fmt: skip
COMPLETED = Time(
    "completed",
    aliases=("completed_at", "completion_date", "completion_time", "passed_at", "date_completed", "timecompleted"),
    help="when it was passed; without this column an enrolment counts as passed at once",
)
CATALOGUE = (
    Category("course", aliases=(*COURSE.aliases, "code", "id", "key"), required=True),
    Text("title", aliases=("name", "course_title", "course_name", "long_name", "label")),
    Text("prerequisites", aliases=("prerequisite", "prereq", "prereqs", "requires", "pre_requisites", "requirements")),
    Text("corequisites", aliases=("corequisite", "coreq", "coreqs", "co_requisites")),
    Number("seats", aliases=("capacity", "places", "max_students", "size", "limit", "quota"), lower=0.0, unit="seats"),
)
SCHEMA = Schema(
    id=Id("id", aliases=("enrolment_id", "enrollment_id", "row_id")),
    entity=LEARNER,
    time=ENROLLED,
    target=COURSE,
    fields=(COMPLETED, Category("split")),
    tables={"catalogue": CATALOGUE},
)
